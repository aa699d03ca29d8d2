"""Makes tensorboard.zip: event files by tensorboardX and by TensorBoard's own
writer. What they hold is repeated in ../tensorboard_test.go. Run it in an empty
folder:

    pip install tensorboardX==2.6.5 tensorboard==2.21.0 && python make_tensorboard.py
"""
import math, pathlib, zipfile

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2, summary_v2
from tensorboard.plugins.hparams import metadata as hparams
from tensorboard.plugins.scalar import metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util import tensor_util
from tensorboardX import SummaryWriter

# tensorboardX: scalars as simple_value, and one of each kind that has no place.
with SummaryWriter("logs/x", flush_secs=1) as w:
    for step, value in enumerate([0.5, 0.1, math.nan, math.inf, -math.inf, -0.0]):
        w.add_scalar("loss/train", value, step, walltime=1_700_000_000 + step)
    w.add_scalar("loss/train", 2.0, 3, walltime=1_700_000_006)  # again
    w.add_scalar("loss/train", 1.0, 1, walltime=1_700_000_007.25)  # and back
    w.add_text("notes", "a **text**", 0)
    w.add_histogram("weights", np.arange(8.0), 0)
    w.add_image("film", np.zeros((3, 2, 2), dtype=np.uint8), 4)
    w.add_hparams({"lr": 0.001, "augment": True, "arch": "cnn", "epochs": 3}, {"hparam/auc": 0.75}, name="trial")

# TensorBoard's writer: scalars as tensors, as TensorFlow 2 writes them, and the
# hparams plugin in the run's own folder.
w = EventFileWriter("logs/t")


def event(summary, step, at):
    w.add_event(Event(summary=summary, step=step, wall_time=at))


event(summary_v2.hparams_pb({"lr": 0.01, "arch": "vit", "augment": False}, start_time_secs=1_700_000_100), 0, 1_700_000_100)
for step in range(5):
    value = Summary.Value(tag="auc", tensor=tensor_util.make_tensor_proto(0.1 * step, dtype=np.float64), metadata=metadata.create_summary_metadata("auc", ""))
    event(Summary(value=[value]), step, 1_700_000_100 + step)
for step, dtype in enumerate([np.float32, np.float64, np.int32, np.int64, np.float16]):
    value = Summary.Value(tag="kinds", tensor=tensor_util.make_tensor_proto(step, dtype=dtype), metadata=metadata.create_summary_metadata("kinds", ""))
    event(Summary(value=[value]), 2**40 + step, 1_700_000_110 + step)
end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_FAILURE, end_time_secs=1_700_000_200)
end = hparams.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=end))
event(Summary(value=[Summary.Value(tag=hparams.SESSION_END_INFO_TAG, metadata=end)]), 0, 1_700_000_200)
w.close()

# A killed program's: the last record is not whole.
with SummaryWriter("logs/killed") as w:
    for step in range(10):
        w.add_scalar("loss", step / 8, step, walltime=1_700_001_000 + step)
file = next(pathlib.Path("logs/killed").iterdir())
file.write_bytes(file.read_bytes()[:-5])

with zipfile.ZipFile("tensorboard.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
    for file in sorted(pathlib.Path("logs").rglob("*")):
        if file.is_file():
            z.write(file)
