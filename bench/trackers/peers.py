"""Measures one tracker on the work that main.go gives to all of them.

    peers.py PEER measure DIR '{"seconds": 3, "runs": 1000, "history": 100000}'
    peers.py PEER log DIR N           logs N points and kills itself with SIGKILL
    peers.py PEER count DIR           prints how many points of it a reader finds
    peers.py PEER serve DIR PORT      becomes the server of the tracker's pages

measure prints one line of JSON: points a second until they are in the store,
with one metric a call, ten a call, and in bulk where there is such a call; the
milliseconds that it takes to list all runs with their params and the last value
of their metrics, and to read the history of one series; the version.
"""
import contextlib, http.client, importlib.metadata, io, json, logging, math, os, signal, socket, statistics, subprocess, sys, time

METRICS = [f"m{k}" for k in range(10)]


def value(i):
    """A loss-like curve that never repeats, as main.go has it."""
    return math.exp(-i / 20000) + 0.01 * math.sin(i * 0.37)


class MLflow:
    package = "mlflow"

    def __init__(self, dir):
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
        import mlflow

        for name in "mlflow", "alembic":
            logging.getLogger(name).setLevel(logging.ERROR)
        self.mlflow, self.uri = mlflow, "sqlite:///" + os.path.join(dir, "mlflow.db")
        mlflow.set_tracking_uri(self.uri)
        self.client = mlflow.MlflowClient()
        experiment = self.client.get_experiment_by_name("bench")
        self.experiment = experiment.experiment_id if experiment else self.client.create_experiment("bench", artifact_location=dir)
        mlflow.set_experiment("bench")

    def start(self, name, params={}):
        self.run = self.mlflow.start_run(run_name=name).info.run_id
        if params:
            self.mlflow.log_params(params)

    def log(self, step, metrics):
        if len(metrics) == 1:  # MLflow's quicker call
            ((name, v),) = metrics.items()
            self.mlflow.log_metric(name, v, step=step)
        else:
            self.mlflow.log_metrics(metrics, step=step)

    def bulk(self, first, n):
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        for i in range(first, first + n, 1000):
            self.client.log_batch(self.run, metrics=[Metric("loss", value(j), now + j, j) for j in range(i, min(i + 1000, first + n))])

    def end(self):
        self.mlflow.end_run()

    def list(self):
        runs, token = [], None
        while True:
            page = self.client.search_runs([self.experiment], "attributes.run_name LIKE 'listed%'", max_results=1000, page_token=token)
            runs += [(r.data.params, r.data.metrics) for r in page]
            token = page.token
            if not token:
                return runs

    def history(self, name):
        run = self.client.search_runs([self.experiment], f"attributes.run_name = '{name}'")[0]
        return [(m.step, m.value) for m in self.client.get_metric_history(run.info.run_id, "loss")]

    def server(self, dir, port):
        return ["mlflow", "server", "--backend-store-uri", self.uri, "--artifacts-destination", dir, "--host", "127.0.0.1", "--port", port]


class Trackio:
    package = "trackio"

    def __init__(self, dir):
        os.environ["TRACKIO_DIR"], os.environ["HF_HUB_OFFLINE"], os.environ["GRADIO_ANALYTICS_ENABLED"] = dir, "1", "False"
        import trackio
        from trackio.sqlite_storage import SQLiteStorage

        self.trackio, self.storage = trackio, SQLiteStorage

    def quiet(self, f, **arguments):
        with contextlib.redirect_stdout(io.StringIO()):
            return f(**arguments)

    def start(self, name, params={}):
        self.quiet(self.trackio.init, project="listed" if name.startswith("listed") else "other", name=name, config=params, embed=False)

    def log(self, step, metrics):
        self.trackio.log(metrics, step=step)

    bulk = None

    def end(self):
        self.quiet(self.trackio.finish)

    def list(self):
        runs = []
        configs = {r.name: r.config for r in self.trackio.Api().runs("listed")}
        for name, config in configs.items():
            last = {}  # no call gives the last values
            for row in self.storage.get_logs("listed", name):
                last.update(row)
            runs.append((config, last))
        return runs

    def history(self, name):
        return [(row["step"], row["loss"]) for row in self.storage.get_logs("other", name)]

    def server(self, dir, port):
        show = f"import trackio; trackio.show(open_browser=False, block_thread=True, server_port={port})"
        os.environ["GRADIO_SERVER_PORT"] = port
        return [sys.executable, "-c", show]


class Aim:
    package = "aim"

    def __init__(self, dir):
        from aim import Repo, Run

        self.Run, self.Repo, self.dir = Run, Repo, dir
        Repo.from_path(dir, init=True)

    def start(self, name, params={}):
        quiet = dict(system_tracking_interval=None, log_system_params=False, capture_terminal_logs=False)
        self.run = self.Run(repo=self.dir, experiment="listed" if name.startswith("listed") else name, **quiet)
        self.run.name = name
        if params:
            self.run["hparams"] = params

    def log(self, step, metrics):
        for name, v in metrics.items():
            self.run.track(v, name=name, step=step)

    bulk = None

    def end(self):
        self.run.close()

    def settle(self):
        """Aim's own readers find a run only once it is in an index, which its server makes, or this."""
        command = ["aim", "storage", "--repo", self.dir, "reindex", "--yes"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def list(self):
        # What Aim's own pages read: it does not open the series.
        return [
            (run["hparams"], {m["name"]: m["values"]["last"] for m in run.collect_sequence_info(("metric",))["metric"]})
            for run in (c.run for c in self.Repo(self.dir).query_runs("run.experiment == 'listed'", report_mode=0).iter_runs())
        ]

    def history(self, name):
        for run in (c.run for c in self.Repo(self.dir).query_runs(f"run.experiment == '{name}'", report_mode=0).iter_runs()):
            for metric in run.metrics():
                steps, values = metric.values.sparse_numpy()
                return list(zip(steps.tolist(), values.tolist()))
        return []

    def server(self, dir, port):
        return ["aim", "up", "--repo", dir, "--host", "127.0.0.1", "--port", port]


class TensorboardX:
    package = "tensorboardX"

    def __init__(self, dir):
        self.dir = dir

    def start(self, name, params={}):
        from tensorboardX import SummaryWriter

        self.writer = SummaryWriter(os.path.join(self.dir, name))
        if params:
            self.writer.add_text("params", json.dumps(params))

    def log(self, step, metrics):
        for name, v in metrics.items():
            self.writer.add_scalar(name, v, step)

    bulk = None

    def end(self):
        self.writer.close()

    def read(self, name):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(os.path.join(self.dir, name), size_guidance={"scalars": 0})
        events.Reload()
        return events

    def list(self):
        runs = []
        for name in os.listdir(self.dir):
            if name.startswith("listed"):
                events = self.read(name)
                runs.append((name, {m: events.Scalars(m)[-1].value for m in METRICS}))
        return runs

    def history(self, name):
        events = self.read(name)
        return [(e.step, e.value) for e in events.Scalars("loss")] if "loss" in events.Tags()["scalars"] else []

    def server(self, dir, port):
        return ["tensorboard", "--logdir", dir, "--host", "127.0.0.1", "--port", port]


class FastTrackML:
    """Has no way in but its server, which speaks MLflow's protocol."""

    package = "FastTrackML"

    def __init__(self, dir):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.process = subprocess.Popen(self.server(dir, str(self.port)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port)
            try:
                self.experiment = self.experiments().get("bench") or self.call("experiments/create", name="bench")["experiment_id"]
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("fml server does not answer")

    def call(self, path, method="POST", **body):
        self.connection.request(method, "/api/2.0/mlflow/" + path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {text[:200]}")
        return json.loads(text) if text.strip() else {}

    def experiments(self):
        return {e["name"]: e["experiment_id"] for e in self.call("experiments/search", max_results=100).get("experiments", [])}

    def start(self, name, params={}):
        self.run = self.call("runs/create", experiment_id=self.experiment, run_name=name, start_time=int(time.time() * 1000))["run"]["info"]["run_id"]
        if params:
            self.call("runs/log-batch", run_id=self.run, params=[{"key": k, "value": str(v)} for k, v in params.items()])

    def metrics(self, step, metrics):
        now = int(time.time() * 1000)
        return [{"key": k, "value": v, "timestamp": now, "step": step} for k, v in metrics.items()]

    def log(self, step, metrics):
        self.call("runs/log-batch", run_id=self.run, metrics=self.metrics(step, metrics))

    def bulk(self, first, n):
        for i in range(first, first + n, 1000):
            batch = [self.metrics(j, {"loss": value(j)})[0] for j in range(i, min(i + 1000, first + n))]
            self.call("runs/log-batch", run_id=self.run, metrics=batch)

    def end(self):
        self.call("runs/update", run_id=self.run, status="FINISHED", end_time=int(time.time() * 1000))

    def search(self):
        return self.call("runs/search", experiment_ids=[self.experiment], max_results=2000).get("runs", [])

    def list(self):
        return [(r["data"].get("params"), r["data"].get("metrics")) for r in self.search() if r["info"]["run_name"].startswith("listed")]

    def history(self, name):
        (run,) = (r["info"]["run_id"] for r in self.search() if r["info"]["run_name"] == name)
        return self.call(f"metrics/get-history?run_id={run}&metric_key=loss", "GET").get("metrics", [])

    def server(self, dir, port):
        return ["fml", "server", "--database-uri", "sqlite://" + os.path.join(dir, "fml.db"), "--default-artifact-root", dir, "--listen-address", "127.0.0.1:" + port]

    def close(self):
        self.process.terminate()
        self.process.wait()


def rate(peer, seconds, metrics):
    """Points a second, from the first call until the run has ended: the best of three runs."""
    return max(rate_once(peer, seconds / 3, metrics, f"rate{len(metrics)}-{n}") for n in range(3))


def rate_once(peer, seconds, metrics, name):
    peer.start(name)
    peer.log(0, {m: 0.0 for m in metrics})
    begin, i = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        for _ in range(10):
            i += 1
            peer.log(i, {m: value(i) for m in metrics})
    peer.end()
    return i * len(metrics) / (time.perf_counter() - begin)


def median_ms(f, want, rounds):
    """The median of some calls after one that warms up, which must give want rows."""
    if (got := len(f())) != want:
        raise RuntimeError(f"{got} rows instead of {want}")
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        f()
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1000


def measure(peer, work):
    out = {"version": importlib.metadata.version(peer.package)}
    out["single"] = rate(peer, work["seconds"], ["loss"])
    out["ten"] = rate(peer, work["seconds"], METRICS)
    peer.start("history")
    begin = time.perf_counter()
    if peer.bulk:
        peer.bulk(0, work["history"])
    else:
        for i in range(work["history"]):
            peer.log(i, {"loss": value(i)})
    peer.end()
    if peer.bulk:
        out["bulk"] = work["history"] / (time.perf_counter() - begin)
    for run in range(work["runs"]):
        peer.start(f"listed{run}", {f"p{k}": run * 7919 % (k + 3) for k in range(20)})
        for step in range(10):
            peer.log(step, {m: value(run + step) for m in METRICS})
        peer.end()
    if hasattr(peer, "settle"):
        peer.settle()
    out["list"] = median_ms(peer.list, work["runs"], work["rounds"])
    out["history"] = median_ms(lambda: peer.history("history"), work["history"], work["rounds"])
    return out


def main(name, what, dir, *more):
    peer = {c.package.lower(): c for c in (MLflow, Trackio, Aim, TensorboardX, FastTrackML)}[name]
    if what == "serve":
        command = peer.server(peer.__new__(peer), dir, more[0]) if name == "fasttrackml" else peer(dir).server(dir, more[0])
        os.execvp(command[0], command)
    peer = peer(dir)
    try:
        if what == "measure":
            print(json.dumps(measure(peer, json.loads(more[0]))))
        elif what == "log":
            peer.start("killed")
            for i in range(int(more[0])):
                peer.log(i, {"loss": value(i)})
            if name == "fasttrackml":
                peer.process.kill()  # where the points are, if anywhere
            os.kill(os.getpid(), signal.SIGKILL)
        elif what == "count":
            if hasattr(peer, "settle"):
                peer.settle()
            print(len(peer.history("killed")))
    finally:
        if name == "fasttrackml":
            peer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
