// Package kernel reads, executes and serves notebooks whose cells are Go. Each
// cell is a program: gonb makes it of the cell and the declarations of the cells
// before, and this package sees that it is built with the versions that assay
// pins, offline; that its output arrives whole and in order; that the ways in
// which it fails are told apart and traced to a line of a cell; and that it can
// be stopped, with nothing left behind.
//
//	front end ── sockets ── proxy ┐                 ┌ go.sh ── go build
//	                              ├ Session ── gonb ┤
//	assay exec ───────── Execute ─┘                 └ run.sh ── the cell's program
//
// A notebook runs from top to bottom with
//
//	nb, err := kernel.ReadNotebook("imaging.ipynb")
//	…
//	err = kernel.Execute(ctx, nb, kernel.Options{Workspace: workspace})
//	…
//	err = nb.Write("imaging.out.ipynb")
//
// A Program is one that was recorded: it is built anywhere, without notebook and
// gonb, with other values for its parameters if need be.
//
// The package knows nothing of runs, stores or models. What a cell's program
// may want to record of itself is in its environment:
//
//	ASSAY_NOTEBOOK      the notebook's file, if it is known
//	ASSAY_CELL_ID       the cell's id
//	ASSAY_CELL          its execution count
//	ASSAY_CELL_SOURCE   a file with its source
//	ASSAY_PROGRAM       a file with the program made of it
//	ASSAY_HISTORY       a file with a Past a line: the cells executed before it
//	ASSAY_DISPLAY       stdout: rich output may be printed, in frames
//	ASSAY_CARRY         a folder in which it may keep values for later cells
package kernel
