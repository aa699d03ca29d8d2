#!/bin/sh
# go, as gonb calls it for a cell. Anything else goes to the real command.
#
#   go mod init NAME      a module pinned to assay's own versions
#   go get [-t]           nothing: go build -mod=mod gets what is missing
#   go build -o FILE …    the program in FILE.cell; FILE becomes run.sh
#   go test -c -o FILE …  the same
set -u
start_program() { # FILE: gonb starts FILE, run.sh starts FILE.cell
	cp "$ASSAY_KERNEL/run.sh" "$1"
	: >"$ASSAY_KERNEL/build.end"
}
case "$*" in
build* | test*)
	: >"$ASSAY_KERNEL/build.start"
	;;
esac
case "$*" in
"mod init "*)
	exec cp "$ASSAY_KERNEL/module/go.mod" "$ASSAY_KERNEL/module/go.sum" .
	;;
"get" | "get -t")
	exit 0
	;;
"build -o $ASSAY_KERNEL/tmp/"*)
	[ "${GOOS:-}" = js ] && exec "$ASSAY_GO" "$@"
	file=$3
	shift 3
	if [ $# -eq 0 ]; then
		. "$ASSAY_KERNEL/build.sh"
		build "$file.cell" || exit
	else # the user has flags
		"$ASSAY_GO" build -o "$file.cell" "-ldflags=-s -w" "$@" || exit
	fi
	start_program "$file"
	;;
"test -c -o $ASSAY_KERNEL/tmp/"*)
	file=$4
	shift 4
	"$ASSAY_GO" test -c -o "$file.cell" "$@" || exit
	start_program "$file"
	;;
*)
	exec "$ASSAY_GO" "$@"
	;;
esac
