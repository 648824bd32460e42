"""Prints as JSON what MLflow's client, or TensorBoard's reader, finds of a run.

read.py mlflow URL EXPERIMENT RUN
read.py tensorboard DIRECTORY
"""

import json
import sys


def of_mlflow(url, experiment, name):
    import mlflow

    mlflow.set_tracking_uri(url)
    client = mlflow.MlflowClient()
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id], f"attributes.run_name = '{name}'")
    (run,) = runs
    histories = {
        key: [[point.step, point.value, point.timestamp] for point in client.get_metric_history(run.info.run_id, key)]
        for key in run.data.metrics
    }
    folders = [""]
    artifacts = {}
    for folder in folders:
        for file in client.list_artifacts(run.info.run_id, folder or None):
            if file.is_dir:
                folders.append(file.path)
            else:
                local = client.download_artifacts(run.info.run_id, file.path)
                with open(local, "rb") as content:
                    artifacts[file.path] = content.read().hex()
    return {
        "status": run.info.status,
        "start": run.info.start_time,
        "end": run.info.end_time,
        "params": run.data.params,
        "tags": run.data.tags,
        "metrics": histories,
        "artifacts": artifacts,
    }


def of_tensorboard(directory):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(directory, size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    tags = accumulator.Tags()
    return {
        "scalars": {tag: [[e.step, e.value, e.wall_time] for e in accumulator.Scalars(tag)] for tag in tags["scalars"]},
        "texts": {
            tag: [e.tensor_proto.string_val[0].decode() for e in accumulator.Tensors(tag)] for tag in tags["tensors"]
        },
    }


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    print(json.dumps({"mlflow": of_mlflow, "tensorboard": of_tensorboard}[kind](*arguments)))
