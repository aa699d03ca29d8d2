// Package export takes runs out of a store with everything they hold, as plain
// tables in a folder, and reads such a folder. The package importers puts what
// it reads into a store; what comes back is the same bit for bit.
//
//	summary, err := export.Write(ctx, s, "cohort", export.Options{Format: export.Parquet})
//	result, err := importers.Assay(ctx, other, "cohort", nil)
//
// The folder has a table a file, all in one format, and the artifacts' content:
//
//	export.json      what this is: format, version, how many runs and points
//	experiments.csv  name, note
//	runs.csv         status, times, where it ran, what it ran, parent, rerun …
//	params.csv       name, kind, value
//	tags.csv         name, value
//	metrics.csv      the last, least and largest value of each series, and its interval
//	points.csv       step, time, value, in order of logging
//	figures.csv      charts, as ECharts options
//	reports.csv      reports, as JSON
//	artifacts.csv    name, media type, size, sha256
//	data.csv         the data sets that a run read
//	data_files.csv   their files
//	output.csv       what the run printed
//	blobs/SHA256     the content of artifacts, each once
//
// The tables are tall: a row a param, a row a point. Rows stand in the order of
// the runs, in every table, so that reading takes little memory whatever the
// size. Times are microseconds since 1970 in UTC, and 0 is no time; in Parquet
// they are timestamps.
//
// All formats carry the same and all carry it exactly: int64 steps, -0,
// denormals, infinities, and which NaN it is (in the column bits, if it is not
// the one that Go makes). In CSV and JSON numbers are decimals that read back as
// the same bits, and NaN, +Inf, -Inf; JSON has them in quotes. In JSON, text that
// is not UTF-8 is {"base64": "…"}.
//
// Not carried are the moment at which a figure or a report was recorded and the
// moment at which a run was put in the trash (that it was is). A run that was
// still running when it was written out comes back as killed.
//
// For a spreadsheet or a data frame, WriteRuns writes one row a run.
package export
