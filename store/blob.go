package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// partSize is the size of the rows that a blob is cut into. It bounds the memory
// that reading and writing takes, whatever the blob's size.
const partSize = 1 << 20

// Artifact keeps a file, read from r to its end. Content that the store has
// already is not kept twice. One of the same name is replaced. The content goes
// in piece by piece, so that others can write meanwhile and its size does not
// matter; it appears when it is whole.
func (w *Writer) Artifact(ctx context.Context, name, mediaType string, r io.Reader) (Digest, error) {
	if name == "" {
		return "", fmt.Errorf("run %s: an artifact has no name", w.id)
	}
	digest, err := w.artifact(ctx, name, mediaType, r)
	if err != nil {
		return "", fmt.Errorf("artifact %s: %w", name, err)
	}
	return digest, nil
}

func (w *Writer) artifact(ctx context.Context, name, mediaType string, r io.Reader) (Digest, error) {
	var blob, size, seq int64
	hash := sha256.New()
	part := make([]byte, partSize)
	for {
		n, err := io.ReadFull(r, part)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			w.dropBlob(blob)
			return "", err
		}
		last := err != nil
		hash.Write(part[:n])
		size += int64(n)
		if last && seq == 0 {
			// Small content needs one transaction, and none of its own if it is known.
			return w.finishBlob(ctx, name, mediaType, 0, seq, part[:n], size, hash.Sum(nil))
		}
		if last {
			digest, err := w.finishBlob(ctx, name, mediaType, blob, seq, part[:n], size, hash.Sum(nil))
			if err != nil {
				w.dropBlob(blob)
			}
			return digest, err
		}
		err = w.transact(ctx, func(tx *sql.Tx) error {
			if blob == 0 {
				err := tx.QueryRow(`insert into blob (size, begun) values (0, ?) returning id`, time.Now().UnixMicro()).Scan(&blob)
				if err != nil {
					return err
				}
			}
			return insertPart(tx, blob, seq, part[:n])
		})
		if err != nil {
			w.dropBlob(blob)
			return "", err
		}
		seq++
	}
}

func insertPart(tx *sql.Tx, blob, seq int64, part []byte) error {
	_, err := tx.Exec(`insert into blob_part (blob, seq, data) values (?, ?, ?)`, blob, seq, part)
	return err
}

// finishBlob writes the last part of a blob, or drops the blob if the store has
// its content already, and makes it the artifact.
func (w *Writer) finishBlob(ctx context.Context, name, mediaType string, blob, seq int64, part []byte, size int64, sum []byte) (Digest, error) {
	digest := Digest(hex.EncodeToString(sum))
	return digest, w.transact(ctx, func(tx *sql.Tx) error {
		var known int64
		err := tx.QueryRow(`select id from blob where digest = ?`, digest).Scan(&known)
		switch {
		case err == nil:
			if _, err := tx.Exec(`delete from blob where id = ?`, blob); err != nil {
				return err
			}
			blob = known
		case !errors.Is(err, sql.ErrNoRows):
			return err
		case blob == 0:
			err := tx.QueryRow(`insert into blob (digest, size, begun) values (?, ?, ?) returning id`,
				digest, size, time.Now().UnixMicro()).Scan(&blob)
			if err != nil {
				return err
			}
			if err := insertPart(tx, blob, seq, part); err != nil {
				return err
			}
		default:
			if err := insertPart(tx, blob, seq, part); err != nil {
				return err
			}
			if _, err := tx.Exec(`update blob set digest = ?, size = ? where id = ?`, digest, size, blob); err != nil {
				return err
			}
		}
		replaced, err := removeArtifact(tx, w.row, name)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`insert into artifact (run, name, media, blob, added) values (?, ?, ?, ?, ?)`,
			w.row, name, mediaType, blob, time.Now().UnixMicro())
		return errors.Join(err, dropUnused(tx, replaced))
	})
}

// RemoveArtifact removes an artifact, if the run has it.
func (w *Writer) RemoveArtifact(ctx context.Context, name string) error {
	return w.transact(ctx, func(tx *sql.Tx) error {
		blob, err := removeArtifact(tx, w.row, name)
		return errors.Join(err, dropUnused(tx, blob))
	})
}

// removeArtifact returns the blob that was the artifact, 0 if there was none.
func removeArtifact(tx *sql.Tx, run int64, name string) (blob int64, err error) {
	err = tx.QueryRow(`delete from artifact where run = ? and name = ? returning blob`, run, name).Scan(&blob)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return blob, err
}

// dropUnused removes a blob that was an artifact, unless it is another one too. A
// checkpoint that is replaced every minute would fill the disk before the next GC.
func dropUnused(tx *sql.Tx, blob int64) error {
	_, err := tx.Exec(`delete from blob where id = ?1 and not exists (select 1 from artifact where blob = ?1)`, blob)
	return err
}

// dropBlob removes what was written of a blob that did not become whole. What it
// leaves, GC finds.
func (w *Writer) dropBlob(blob int64) {
	if blob != 0 {
		w.s.write.Exec(`delete from blob where id = ?`, blob)
	}
}

// Artifacts returns a run's artifacts, in order of recording.
func (s *Store) Artifacts(ctx context.Context, id RunID) ([]Artifact, error) {
	row, err := s.row(ctx, id)
	if err != nil {
		return nil, err
	}
	return collect(ctx, s, func(rows *sql.Rows) (Artifact, error) {
		_, a, err := scanArtifact(rows.Scan)
		return a, err
	}, artifactQuery+` where a.run = ? order by a.added, a.name`, row)
}

const artifactQuery = `select b.id, a.name, a.media, b.size, b.digest, a.added from artifact a join blob b on b.id = a.blob`

func scanArtifact(scan func(...any) error) (blob int64, a Artifact, err error) {
	var added int64
	err = scan(&blob, &a.Name, &a.MediaType, &a.Size, &a.Digest, &added)
	a.Added = fromMicros(added)
	return blob, a, err
}

// OpenArtifact returns an artifact and its content, which is read from the file
// as the caller reads.
func (s *Store) OpenArtifact(ctx context.Context, id RunID, name string) (io.ReadCloser, Artifact, error) {
	row, err := s.row(ctx, id)
	if err != nil {
		return nil, Artifact{}, err
	}
	blob, a, err := scanArtifact(s.read.QueryRowContext(ctx, artifactQuery+` where a.run = ? and a.name = ?`, row, name).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, Artifact{}, fmt.Errorf("run %s: artifact %s: %w", id, name, hint(err))
	}
	return &blobReader{ctx: ctx, s: s, blob: blob, left: a.Size}, a, nil
}

var errNotWhole = errors.New("the content is not whole: run assay fsck")

// blobReader reads a blob part by part. It holds no transaction in between:
// parts never change, and one that GC took away is an error.
type blobReader struct {
	ctx       context.Context
	s         *Store
	blob, seq int64
	left      int64 // bytes that are not in part yet
	part      []byte
}

func (r *blobReader) Read(p []byte) (int, error) {
	if len(r.part) == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		err := r.s.read.QueryRowContext(r.ctx, `select data from blob_part where blob = ? and seq = ?`, r.blob, r.seq).Scan(&r.part)
		if errors.Is(err, sql.ErrNoRows) || err == nil && (len(r.part) == 0 || int64(len(r.part)) > r.left) {
			err = errNotWhole
		}
		if err != nil {
			return 0, hint(err)
		}
		r.seq++
		r.left -= int64(len(r.part))
	}
	n := copy(p, r.part)
	r.part = r.part[n:]
	return n, nil
}

func (r *blobReader) Close() error { return nil }
