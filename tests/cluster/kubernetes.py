#!/usr/bin/env python3
"""Checks the Kubernetes files of launch/ without a cluster.

usage: tests/cluster/kubernetes.py

The documents that Kubernetes knows are validated against its schemas by `kubernetes-validate`; an
MPIJob, which it does not know, against the fields of kubeflow.org/v2beta1 below, and its templates as
pods. Then the files must agree with themselves: numbers of ranks, names and ports. Prints
`skipped: ...` where the package is missing (pip install kubernetes-validate).
"""

import pathlib
import sys

VERSION = "1.30"
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "launch" / "kubernetes"

# The fields of the MPIJob, of its parts, and what each may be.
MPIJOB = {
    "slotsPerWorker": int,
    "mpiImplementation": {"OpenMPI", "Intel", "MPICH"},
    "sshAuthMountPath": str,
    "launcherCreationPolicy": {"AtStartup", "WaitForWorkersReady"},
    "runPolicy": {
        "cleanPodPolicy": {"None", "Running", "All"},
        "ttlSecondsAfterFinished": int,
        "activeDeadlineSeconds": int,
        "backoffLimit": int,
        "suspend": bool,
    },
    "mpiReplicaSpecs": {"Launcher": None, "Worker": None},
}
REPLICA = {"replicas": int, "restartPolicy": {"Never", "OnFailure"}, "template": None}


def conforms(found, schema, where):
    """Compares a value with a schema: a type, a set of values, or a dictionary of fields."""
    if isinstance(schema, dict):
        for key, value in found.items():
            assert key in schema, f"{where}: there is no field {key}"
            conforms(value, schema[key], f"{where}.{key}")
    elif isinstance(schema, set):
        assert found in schema, f"{where}: {found} is none of {sorted(schema)}"
    elif schema is not None:
        assert isinstance(found, schema), f"{where}: {found!r} is no {schema.__name__}"


def check_mpijob(job, validate):
    assert job["apiVersion"] == "kubeflow.org/v2beta1"
    spec = job["spec"]
    conforms(spec, MPIJOB, "spec")
    specs = spec["mpiReplicaSpecs"]
    for name, replica in specs.items():
        conforms(replica, REPLICA, name)
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, **replica["template"]}
        validate(pod)
    args = specs["Launcher"]["template"]["spec"]["containers"][0]["args"]
    ranks = int(args[args.index("-n") + 1])
    assert ranks == specs["Worker"]["replicas"] * spec["slotsPerWorker"], "ranks and slots differ"
    assert specs["Launcher"]["replicas"] == 1
    check_images([container(specs[name]["template"]) for name in specs])


def check_job(job, service):
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    env = {entry["name"]: entry.get("value") for entry in container(spec["template"])["env"]}
    assert spec["completionMode"] == "Indexed"
    assert str(spec["completions"]) == str(spec["parallelism"]) == env["WORLD_SIZE"]
    assert service["metadata"]["name"] == pod["subdomain"]
    selector = service["spec"]["selector"]
    assert selector == {"batch.kubernetes.io/job-name": job["metadata"]["name"]}
    assert env["MASTER_ADDR"] == f"{job['metadata']['name']}-0.{pod['subdomain']}"
    ports = container(spec["template"])["ports"][0]["containerPort"], service["spec"]["ports"][0]["port"]
    assert ports == (int(env["MASTER_PORT"]),) * 2
    assert "RANK" in env
    check_failures(spec)
    check_images([container(spec["template"])])


def check_failures(spec):
    """What the API server asks of a failure policy and no schema says, and what happens to our codes."""
    # "This field cannot be used in combination with restartPolicy=OnFailure."
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    actions = {}
    for rule in spec["podFailurePolicy"]["rules"]:
        assert ("onExitCodes" in rule) != ("onPodConditions" in rule), rule
        codes = rule.get("onExitCodes")
        if codes is None:
            continue
        assert codes["containerName"] == container(spec["template"])["name"]
        assert codes["operator"] == "In"
        values = codes["values"]
        # "The list of values must be ordered and must not contain duplicates", and 0 is not allowed.
        assert values == sorted(set(values)) and 0 not in values and len(values) <= 255, values
        for code in values:
            # The first rule that matches decides.
            actions.setdefault(code, rule["action"])
    ignored = {code for code, action in actions.items() if action == "Ignore"}
    assert ignored == {5, 75}, f"an eviction of many ranks would use up backoffLimit: {ignored}"
    assert {code for code, action in actions.items() if action == "FailJob"} == {2, 3, 4, 6}


def container(template):
    (only,) = template["spec"]["containers"]
    return only


def check_images(containers):
    """All containers are of the one image that launch/Dockerfile says how to build."""
    recipe = (FOLDER.parent / "Dockerfile").read_text()
    for each in containers:
        assert f"-t {each['image']} " in recipe, f"{each['image']} is not what the Dockerfile builds"


def main():
    try:
        import kubernetes_validate
        import yaml
    except ImportError as error:
        print(f"skipped: {error}; pip install kubernetes-validate")
        return

    def validate(document):
        kubernetes_validate.validate(document, VERSION, strict=True)

    documents = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            documents[document["kind"]] = document
            if document["kind"] != "MPIJob":
                validate(document)
    check_mpijob(documents["MPIJob"], validate)
    check_job(documents["Job"], documents["Service"])
    print(f"ok: {', '.join(sorted(documents))}, Kubernetes {VERSION}")


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(__doc__)
    else:
        main()
