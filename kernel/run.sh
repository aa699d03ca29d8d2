#!/bin/sh
# Starts the program of a cell: tells it which cell it is, and gives it pipes
# whose other ends assay reads, so that text stays whole and in order.
. "$ASSAY_KERNEL/cell.env"
[ -n "${ASSAY_COMPOSE:-}" ] && exit # the program is wanted, and not what it does
export TMPDIR="$ASSAY_TMPDIR"
[ -n "${ASSAY_INPUT:-}" ] || exec </dev/null # gonb's pipe would never end
[ -n "${ASSAY_CAPTURE:-}" ] && exec "$0.cell" "$@" # gonb's %capture reads the output
printf %s "$GONB_PIPE" >"$ASSAY_KERNEL/gonb_pipe"
export GONB_PIPE="$ASSAY_KERNEL/display"
# Large pages for what C libraries allocate: without them page faults are a
# quarter of the time of a training step with large films.
case "${GLIBC_TUNABLES:-}" in
*glibc.malloc.hugetlb*) ;;
*) export GLIBC_TUNABLES="${GLIBC_TUNABLES:+$GLIBC_TUNABLES:}glibc.malloc.hugetlb=1" ;;
esac
exec "$0.cell" "$@" >"$ASSAY_KERNEL/stdout" 2>"$ASSAY_KERNEL/stderr"
