package store

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// networkMagic are the file systems over a network, by the number that statfs(2)
// gives them (linux/magic.h and the file systems' own sources).
var networkMagic = map[int64]string{
	unix.NFS_SUPER_MAGIC:  "NFS",
	unix.SMB_SUPER_MAGIC:  "SMB",
	unix.CIFS_SUPER_MAGIC: "CIFS",
	unix.SMB2_SUPER_MAGIC: "SMB",
	unix.CODA_SUPER_MAGIC: "Coda",
	unix.AFS_SUPER_MAGIC:  "AFS",
	unix.CEPH_SUPER_MAGIC: "Ceph",
	0x0BD00BD0:            "Lustre",
	0x47504653:            "GPFS",
	0x19830326:            "BeeGFS",
}

// networkFuse are those among FUSE's, by their type in the mount table.
var networkFuse = []string{"sshfs", "rclone", "s3fs", "gcsfuse", "glusterfs", "ceph", "davfs", "juicefs"}

// networkFileSystem returns the name of the network file system that dir is on,
// "" if it is local as far as the kernel tells.
func networkFileSystem(dir string) string {
	var stat unix.Statfs_t
	if unix.Statfs(dir, &stat) != nil {
		return ""
	}
	if int64(stat.Type) != unix.FUSE_SUPER_MAGIC {
		return networkMagic[int64(stat.Type)]
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return fuseAmong(mounts, dir)
}

// fuseAmong looks dir up in the mount table: lines of "id parent device root
// mountpoint options … - type source options", proc(5).
func fuseAmong(mountinfo []byte, dir string) string {
	longest, kind := -1, ""
	for lines := bufio.NewScanner(bytes.NewReader(mountinfo)); lines.Scan(); {
		before, after, found := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if !found || len(fields) < 5 {
			continue
		}
		point := fields[4]
		inside := dir == point || strings.HasPrefix(dir, strings.TrimSuffix(point, "/")+"/")
		if inside && len(point) > longest {
			longest, kind = len(point), after
		}
	}
	kind, _, _ = strings.Cut(kind, " ")
	for _, name := range networkFuse {
		if strings.Contains(kind, name) {
			return kind
		}
	}
	return ""
}

func mayWrite(path string) error { return unix.Access(path, unix.W_OK) }
