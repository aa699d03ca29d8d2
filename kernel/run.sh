#!/bin/sh
# Starts the program of a cell: tells it which cell it is, and gives it pipes
# whose other ends assay reads, so that text stays whole and in order.
printf %s "$GONB_PIPE" >"$ASSAY_KERNEL/gonb_pipe"
export GONB_PIPE="$ASSAY_KERNEL/display"
export TMPDIR="$ASSAY_TMPDIR"
. "$ASSAY_KERNEL/cell.env"
exec "$0.cell" "$@" >"$ASSAY_KERNEL/stdout" 2>"$ASSAY_KERNEL/stderr"
