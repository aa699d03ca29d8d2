package store

import "github.com/mattn/go-sqlite3"

// addFunctions adds to a connection what SQL needs to look into chunks.
func addFunctions(conn *sqlite3.SQLiteConn) error { return nil }
