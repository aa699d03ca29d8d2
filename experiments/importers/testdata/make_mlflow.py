"""Makes mlflow.zip, which holds mlflow.sqlite, mlartifacts and mlruns, with MLflow itself. What the
runs hold is repeated in ../mlflow_test.go. Run it in an empty folder:

    pip install mlflow==3.17.2 pandas==3.1.1 && python make_mlflow.py

Ids and times change with every run of it; the test does not depend on them.
"""
import math, os, pathlib, sqlite3, zipfile

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"  # MLflow 3 asks before it writes mlruns
os.environ["DO_NOT_TRACK"] = os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import mlflow
import pandas
from mlflow import MlflowClient
from mlflow.entities import Metric


def record(uri, artifacts):
    mlflow.set_tracking_uri(uri)
    client = MlflowClient()
    cohort = client.create_experiment("cohort/chest", artifact_location=artifacts)
    client.set_experiment_tag(cohort, "mlflow.note.content", "Chest films of 2019.")
    mlflow.set_experiment(experiment_id=cohort)
    with mlflow.start_run(run_name="sweep", description="Two rates."):
        mlflow.log_params({"lr": 1e-05, "epochs": 3, "augment": True, "arch": "cnn", "version": "007", "dropout": 0.25, "layers": [1, 2],
                           "huge": 12345678901234567890, "limit": float("inf"), "none": None, "text": "0.10"})
        mlflow.set_tag("arm", "treated 🫀")
        with mlflow.start_run(run_name="child", nested=True):
            for step, value in enumerate([0.9, 0.1 + 0.2, math.nan, math.inf, -math.inf, -0.0, 5e-324]):
                mlflow.log_metric("loss", value, step=step)
            mlflow.log_metric("loss", 2.0, step=3)  # again
            mlflow.log_metric("loss", 1.0, step=1)  # and back
            mlflow.log_metric("val/auc", 0.75, step=-1)
            mlflow.log_text("weights", "model/weights.txt")
            mlflow.log_text("", "empty.bin")
            data = mlflow.data.from_pandas(pandas.DataFrame({"age": [61.0, 70.0]}), source="cohort.csv", name="cohort")
            mlflow.log_input(data, context="training")
    try:
        with mlflow.start_run(run_name="failed"):
            mlflow.log_metric("loss", 3.0)
            raise ValueError
    except ValueError:
        pass
    run = client.create_run(cohort, run_name="running").info.run_id  # as a kill leaves it
    client.log_batch(run, metrics=[Metric("loss", i / 8, 1_700_000_000_000 + i, i) for i in range(5)])
    client.set_terminated(client.create_run(cohort, run_name="stopped").info.run_id, "KILLED")
    client.delete_run(client.create_run(cohort, run_name="deleted").info.run_id)
    client.create_run("0", run_name="other")


here = os.getcwd()
record("sqlite:///mlflow.sqlite", "mlartifacts")
db = sqlite3.connect("mlflow.sqlite")
db.execute("vacuum")
db.close()
record("file://" + here + "/mlruns", None)
with zipfile.ZipFile("mlflow.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
    for top in "mlflow.sqlite", "mlartifacts", "mlruns":
        for file in [pathlib.Path(top), *sorted(pathlib.Path(top).rglob("*"))]:
            if file.is_file():
                z.write(file)
