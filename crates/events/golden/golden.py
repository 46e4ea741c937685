"""Event messages and a record by TensorBoard's own encoder (tensorboard 2.21): `python golden.py`.

Writes events.txt, a message a line in hexadecimal, and first_record.bin.
"""

import io
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

HERE = Path(__file__).parent


def scalars(**values):
    return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])


EVENTS = {
    "version": Event(wall_time=1.5, file_version="brain.Event:2"),
    "start": Event(wall_time=1.5, step=7, session_log=SessionLog(status=SessionLog.START)),
    "scalars": Event(wall_time=1.5, step=300, summary=scalars(**{"train/loss": 0.5, "eval/accuracy": float("inf")})),
    "long": Event(wall_time=1.5, step=2**32 - 1, summary=scalars(**{"x" * 200: -1.0})),
}


class Kept(io.BytesIO):
    def close(self):
        pass


(HERE / "events.txt").write_text(
    "".join(f"{name} {event.SerializeToString(deterministic=True).hex()}\n" for name, event in EVENTS.items())
)
file = Kept()
RecordWriter(file).write(Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())
(HERE / "first_record.bin").write_bytes(file.getvalue())
