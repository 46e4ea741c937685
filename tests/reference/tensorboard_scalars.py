"""What TensorBoard's own reader finds in a directory: `python tensorboard_scalars.py DIRECTORY`.

Prints one JSON object: the steps and values of each tag.
"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0}).Reload()
tags = {tag: [[event.step, event.value] for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
print(json.dumps(tags))
