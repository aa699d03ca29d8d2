// Package importers brings runs into a store from elsewhere: from an export of
// another store, from MLflow, from TensorBoard's event files.
//
//	result, err := importers.MLflow(ctx, s, "mlruns", nil)
//	fmt.Println(result) // 12 runs are new, 3 had more to bring, 40 were there already; 81,204 points
//
// Importing again does not double anything. A run is known by its id in its
// source, which it keeps in the tag "imported" (a run from an export, by its
// own id). If it is there and the source has no more points and no later end
// for it, it is left as it is, also if somebody has edited it since, or put it
// in the trash. Otherwise it gets the points that are new, behind those it has,
// and the source's params, tags and files. So a folder that training still
// writes to can be imported again and again, and an import that was cut short
// is finished by doing it again.
//
// A run that cannot be read does not keep the others out: they are brought, and the
// error names it.
//
// What a source cannot say is not made up. What of it has no place in a store is
// left out and counted in the Result's notes.
package importers
