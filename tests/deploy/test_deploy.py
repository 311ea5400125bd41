"""What is in ``deploy/`` passes the linters of its kind, and says what the code needs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import redis
import yaml
from servers.redis import binaries, server

from numpywren.config import config, memory_bytes
from numpywren.control import TaskState, open_plane
from numpywren.control.dynamodb import table as dynamodb_table

DEPLOY = Path(__file__).parents[2] / "deploy"
CONTAINERS = sorted(DEPLOY.rglob("*Dockerfile"))
POLICIES = sorted((DEPLOY / "iam").glob("*.json"))


def lint(*command, text=""):
    """Run a linter that was installed beside this Python; what it says is the failure."""
    tool = Path(sys.executable).parent / command[0]
    done = subprocess.run([tool, *command[1:]], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("path", CONTAINERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_container_files(path):
    lint("hadolint", "--no-color", path)
    text = path.read_text()
    user = re.findall(r"^USER (\d+)", text, re.MULTILINE)
    assert user, "runs as root"
    assert int(user[-1]) > 0


def test_the_worker_image_takes_what_its_build_needs():
    text = (DEPLOY / "worker" / "Dockerfile").read_text()
    allowed = (DEPLOY / "worker" / "Dockerfile.dockerignore").read_text()
    copied = [word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for word in line.split()]
    assert copied
    for word in copied:
        assert f"!{word}\n" in allowed, f"{word} is kept from the build by Dockerfile.dockerignore"
        assert (DEPLOY.parent / word).exists()


def test_yaml_files():
    lint("yamllint", "--strict", "-c", DEPLOY / ".yamllint.yaml", DEPLOY)


def manifests():
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / "job.yaml").read_text()))


@pytest.mark.parametrize("version", ["1.31", "1.34"])
def test_kubernetes_manifests(version):
    for manifest in manifests():
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_pod_has_room_for_its_worker_and_time_to_leave():
    (job,) = (manifest for manifest in manifests() if manifest["kind"] == "Job")
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    words = container["args"]
    tiles = memory_bytes(words[words.index("--memory") + 1])
    assert memory_bytes(container["resources"]["limits"]["memory"] + "B") >= tiles + (1 << 30)
    assert words[words.index("--slots") + 1] == container["resources"]["requests"]["cpu"]
    assert pod["terminationGracePeriodSeconds"] >= 60


def test_slurm_script_passes_the_linter():
    lint("shellcheck", DEPLOY / "slurm" / "workers.sh")


def test_slurm_script_starts_a_worker(tmp_path):
    srun = tmp_path / "srun"
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')  # says what it would run, as there is no cluster here
    srun.chmod(0o755)
    script = DEPLOY / "slurm" / "workers.sh"
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_CPUS_PER_TASK": "4"}
    done = subprocess.run([script, "s3://b/runs/x", "--idle", "5"], env=environment, capture_output=True, text=True)
    assert " ".join(done.stdout.split()) == (
        "--cpu-bind=cores numpywren worker s3://b/runs/x --slots 4 --memory 8GiB --idle 60 --idle 5"
    )
    assert subprocess.run([script], env=environment, capture_output=True).returncode == 2


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_policies_are_valid_and_narrow(path):
    text = path.read_text()
    lint("parliament", "--include-community-auditors", text=text)
    for statement in json.loads(text)["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]:
            assert "*" not in action
        assert statement["Resource"] != "*"


def actions(name):
    """Short names of what a policy allows on the table of control planes."""
    statements = json.loads((DEPLOY / "iam" / f"{name}.json").read_text())["Statement"]
    listed = [action for one in statements for action in one["Action"] if action.startswith("dynamodb:")]
    return {action.removeprefix("dynamodb:") for action in listed}


def test_policies_allow_what_the_control_plane_in_dynamodb_asks_for():
    everyone, _, owner = dynamodb_table._ACTIONS.partition("for who starts")
    needed = set(re.findall(r"\b[A-Z]\w+", everyone))
    assert needed
    assert actions("aws-worker") == needed
    assert actions("aws-client") == needed | set(re.findall(r"\b[A-Z]\w+", owner))


def test_users_of_redis_may_do_what_a_control_plane_does_and_no_more(tmp_path):
    (_, binary), *_ = binaries().items()
    file = tmp_path / "users.acl"
    file.write_text((DEPLOY / "redis" / "users.acl").read_text())
    account = {"username": "numpywren", "password": "change-me"}
    with server(binary, tmp_path / "data", "--aclfile", file) as running:
        with config.set({"control": running.url} | {f"redis.{key}": value for key, value in account.items()}):
            plane = open_plane(f"{running.url}?run=1")
            plane.restore([TaskState("0:0", needs=0, priority=0)], {}, total=1)
            assert [claim.task for claim in plane.claim("w", 1, 30.0)] == ["0:0"]
            assert plane.complete("w", "0:0", [], []).finished
            assert plane.status().state == "done"
            plane.delete()
        with running.client(**account) as client:
            for command in (["FLUSHALL"], ["CONFIG", "GET", "*"], ["KEYS", "*"], ["HGET", "another:key", "field"]):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    client.execute_command(*command)
        with running.client() as nobody, pytest.raises(redis.AuthenticationError):
            nobody.ping()
