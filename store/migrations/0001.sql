-- Times are microseconds since 1970 in UTC. Tables are singular; the plural
-- views below are for people (assay sql).

create table name (                    -- of metrics, params and tags, once each
  id   integer primary key,
  text text not null unique
);

create table experiment (
  id      integer primary key,
  name    text not null unique,
  note    text not null default '',
  created integer not null
);

create table run (
  id         integer primary key,
  key        text not null unique,     -- RunID
  experiment integer not null references experiment,
  name       text not null,
  status     text not null,
  message    text not null default '', -- why it failed
  started    integer not null,
  ended      integer,
  parent     text,                     -- RunIDs, kept although the other run may be gone
  rerun_of   text,
  verdict    text,                     -- of the rerun: whether it gave the same numbers
  grp        text,
  note       text not null default '',
  host       text not null,
  pid        integer not null,
  boot       text not null,            -- id of the boot of the machine
  birth      text not null,            -- when the process started, as the kernel counts
  last_step  integer,
  points     integer not null default 0,
  done       integer not null default 0,
  planned    integer not null default 0,
  segment    integer not null default 0, -- the first journal segment that is not in this file yet
  origin     text not null,            -- JSON
  env        text not null,            -- JSON
  archived   integer,
  trashed    integer
);
create index run_started on run (trashed, archived, started);
create index run_experiment on run (experiment, trashed, archived, started);
create index run_status on run (status);
create index run_name on run (name);
create index run_parent on run (parent) where parent is not null;
create index run_rerun_of on run (rerun_of) where rerun_of is not null;
create index run_grp on run (grp) where grp is not null;

create table param (
  run   integer not null references run on delete cascade,
  name  integer not null references name,
  kind  text not null,                 -- s string, i int64, f float64, b bool, j JSON
  value,                               -- no affinity: numbers compare as numbers
  bits  integer,                       -- of a float that SQL cannot keep: NaN
  primary key (run, name)
) without rowid;
create index param_value on param (name, value, run);

create table tag (
  run   integer not null references run on delete cascade,
  name  integer not null references name,
  value text not null,
  primary key (run, name)
) without rowid;
create index tag_value on tag (name, value, run);

create table series (                  -- beside one another: one metric of many runs
  id        integer not null unique,
  run       integer not null references run on delete cascade,
  name      integer not null references name,
  count     integer not null,
  nans      integer not null,
  pos_infs  integer not null,
  neg_infs  integer not null,
  last_step integer,
  last_time integer,
  last      real,                      -- null for NaN
  last_bits integer,                   -- the same, bit for bit
  min_step  integer,                   -- where min was first seen
  max_step  integer,
  min       real,                      -- of the finite values; null if there are none
  max       real,
  low       real,                      -- interval of a final metric
  high      real,
  pieces    integer not null,          -- rows of chunk since the last full one
  primary key (name, run)
) without rowid;
create index series_run on series (run);
create index series_last on series (name, last, run);

create table chunk (                   -- points, in order of logging; see chunk.go
  series integer not null references series (id) on delete cascade,
  start  integer not null,             -- ordinal of the first point
  count  integer not null,
  low    integer not null,             -- smallest and largest step
  high   integer not null,
  data   blob not null,
  primary key (series, start)
);

create table pyramid (                 -- aggregates of full blocks; see pyramid.go
  series integer not null references series (id) on delete cascade,
  level  integer not null,
  idx    integer not null,
  data   blob not null,
  primary key (series, level, idx)
);

create table blob (
  id     integer primary key,
  digest text unique,                  -- sha256 in hex; null while it is being written
  size   integer not null,
  begun  integer not null
);
create table blob_part (
  blob integer not null references blob on delete cascade,
  seq  integer not null,
  data blob not null,
  primary key (blob, seq)
);

create table artifact (
  run   integer not null references run on delete cascade,
  name  text not null,
  media text not null,
  blob  integer not null references blob,
  added integer not null,
  primary key (run, name)
);
create index artifact_blob on artifact (blob);

create table figure (
  run    integer not null references run on delete cascade,
  id     text not null,
  pos    integer not null,             -- order of first appearance
  title  text not null,
  option text not null,
  alt    text not null,
  height integer not null,
  added  integer not null,
  primary key (run, id)
);

create table report (
  run   integer not null references run on delete cascade,
  name  text not null,
  pos   integer not null,
  data  text not null,
  added integer not null,
  primary key (run, name)
);

create table data_use (
  id    integer primary key,
  run   integer not null references run on delete cascade,
  name  text not null,
  split text not null,
  rows  integer not null,
  unique (run, name, split)
);
create table data_file (
  use    integer not null references data_use on delete cascade,
  pos    integer not null,
  path   text not null,
  size   integer not null,
  digest text not null,
  primary key (use, pos)
);
create index data_file_digest on data_file (digest);

create table output (                  -- what the program printed
  run    integer not null references run on delete cascade,
  seq    integer not null,
  time   integer not null,
  stream text not null,
  text   text not null,
  primary key (run, seq)
);

create view runs as select r.key as run, e.name as experiment, r.name, r.status, r.message,
    strftime('%Y-%m-%dT%H:%M:%fZ', r.started / 1e6, 'unixepoch') as started,
    strftime('%Y-%m-%dT%H:%M:%fZ', r.ended / 1e6, 'unixepoch') as ended,
    (r.ended - r.started) / 1e6 as seconds, r.last_step, r.points, r.parent, r.rerun_of, r.verdict as rerun,
    r.grp as "group", r.note, r.host, r.pid, r.trashed is not null as trashed
  from run r join experiment e on e.id = r.experiment;
create view params as select r.key as run, n.text as name, p.value
  from param p join run r on r.id = p.run join name n on n.id = p.name;
create view tags as select r.key as run, n.text as name, t.value
  from tag t join run r on r.id = t.run join name n on n.id = t.name;
create view metrics as select r.key as run, n.text as name, s.last, s.min, s.max, s.last_step as step,
    s.count, s.nans, s.low, s.high
  from series s join run r on r.id = s.run join name n on n.id = s.name;
create view artifacts as select r.key as run, a.name, a.media, b.size, b.digest
  from artifact a join run r on r.id = a.run join blob b on b.id = a.blob;
create view data as select r.key as run, u.name, u.split, u.rows, f.path, f.size, f.digest
  from data_use u join run r on r.id = u.run left join data_file f on f.use = u.id;
