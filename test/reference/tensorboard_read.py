"""Prints, as JSON, everything that the real TensorBoard reads from the event files of one run's folder.

    python test/reference/tensorboard_read.py LOGDIR

Needs the package `tensorboard` (checked with 2.21). The test of src/tensorboard runs this script when the
environment variable TENSORBOARD_PYTHON names such a Python.
"""

import base64
import json
import math
import sys

import tensorboard
from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.util import tensor_util


def number(value):
    return float(value) if math.isfinite(value) else str(value)


def fields(message):
    return {field.name: value for field, value in message.ListFields()}


def hparam(value):
    return getattr(value, value.WhichOneof("kind"))


def read_hparams(legacy):
    content = legacy.summary_metadata
    found = {}
    if "_hparams_/experiment" in content:
        data = hparams_metadata.parse_experiment_plugin_data(
            content["_hparams_/experiment"].plugin_data.content
        )
        found["columns"] = {info.name: info.type for info in data.hparam_infos}
        found["metrics"] = [info.name.tag for info in data.metric_infos]
    if "_hparams_/session_start_info" in content:
        data = hparams_metadata.parse_session_start_info_plugin_data(
            content["_hparams_/session_start_info"].plugin_data.content
        )
        found["values"] = {name: hparam(value) for name, value in data.hparams.items()}
    if "_hparams_/session_end_info" in content:
        data = hparams_metadata.parse_session_end_info_plugin_data(
            content["_hparams_/session_end_info"].plugin_data.content
        )
        found["status"] = data.status
    return found


def read_graph(legacy):
    if not legacy.Tags()["graph"]:
        return {}
    return {
        node.name: {
            "op": node.op,
            "inputs": list(node.input),
            "shape": [dim.size for dim in node.attr["_output_shapes"].list.shape[0].dim],
            "parameters": node.attr["parameters"].i,
        }
        for node in legacy.Graph().node
    }


def read(logdir):
    # The first keeps the old kinds of data as they were written, the second is what the program serves.
    legacy = event_accumulator.EventAccumulator(logdir, size_guidance={kind: 0 for kind in event_accumulator.STORE_EVERYTHING_SIZE_GUIDANCE})
    legacy.Reload()
    served = plugin_event_accumulator.EventAccumulator(logdir, tensor_size_guidance={})
    served.Reload()
    tags = legacy.Tags()
    return {
        "tensorboard": tensorboard.__version__,
        "plugins": {
            tag: served.SummaryMetadata(tag).plugin_data.plugin_name for tag in served.Tags()["tensors"]
        },
        "scalars": {
            tag: [[event.step, number(event.value)] for event in legacy.Scalars(tag)]
            for tag in tags["scalars"]
        },
        "images": {
            tag: [
                [event.step, event.width, event.height, base64.b64encode(event.encoded_image_string).decode()]
                for event in legacy.Images(tag)
            ]
            for tag in tags["images"]
        },
        "histograms": {
            tag: [
                {
                    "step": event.step,
                    **{
                        name: getattr(event.histogram_value, name)
                        for name in ("min", "max", "num", "sum", "sum_squares", "bucket_limit", "bucket")
                    },
                }
                for event in legacy.Histograms(tag)
            ]
            for tag in tags["histograms"]
        },
        "texts": {
            tag: [[event.step, tensor_util.make_ndarray(event.tensor_proto)[0].decode()] for event in legacy.Tensors(tag)]
            for tag in tags["tensors"]
            if legacy.SummaryMetadata(tag).plugin_data.plugin_name == "text"
        },
        "graph": read_graph(legacy),
        "hparams": read_hparams(legacy),
    }


if __name__ == "__main__":
    print(json.dumps(read(sys.argv[1])))
