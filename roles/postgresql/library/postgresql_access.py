#!/usr/bin/python3
"""Ansible module `postgresql_access`: the databases and roles of a local PostgreSQL, by psql alone."""

import base64
import hashlib
import hmac
import json
import re
import secrets
import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: postgresql_access
short_description: Databases and roles of the local PostgreSQL
description:
  - Makes the listed roles and databases exist, with passwords, memberships and owners; others stay.
  - A password never leaves the module. PostgreSQL is given a SCRAM verifier, on psql's standard input.
options:
  port: {type: int, default: 5432, description: "Port of the server, which names its socket."}
  roles:
    type: list
    elements: dict
    default: []
    description: Roles.
    suboptions:
      name: {type: str, required: true, description: "The role."}
      password: {type: str, required: true, description: "At least 16 printable ASCII characters."}
      member_of: {type: list, elements: str, default: [], description: "Roles it belongs to."}
  databases:
    type: list
    elements: dict
    default: []
    description: Databases.
    suboptions:
      name: {type: str, required: true, description: "The database."}
      owner: {type: str, required: true, description: "Its owner."}
"""

ITERATIONS = 4096  # PostgreSQL's own number
LOOK = """
SELECT json_build_object(
  'roles', (SELECT coalesce(json_object_agg(rolname, json_build_object(
      'password', rolpassword, 'login', rolcanlogin,
      'member_of', (SELECT coalesce(json_agg(pg_get_userbyid(roleid)), '[]')
                    FROM pg_auth_members AS granted WHERE granted.member = pg_authid.oid)
    )), '{}') FROM pg_authid),
  'databases', (SELECT json_object_agg(datname, pg_get_userbyid(datdba)) FROM pg_database));
"""

Steps = list[tuple[str, str]]  # what a person reads, and the statement


class AccessError(Exception):
    """The request makes no sense or psql refused; the message says what to do."""


def verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> str:
    """Return what PostgreSQL stores for a password."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    fields = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{fields[0]}${fields[1]}:{fields[2]}"


def accepts(stored: str | None, password: str) -> bool:
    """Whether the stored verifier belongs to the password."""
    found = re.fullmatch(r"SCRAM-SHA-256\$(\d+):([^$]+)\$.+", stored or "")
    if not found:
        return False
    return hmac.compare_digest(verifier(password, base64.b64decode(found[2]), int(found[1])), stored or "")


def role_steps(role: dict[str, Any], known: dict[str, Any]) -> Steps:
    """Return what makes a role as described out of the roles that exist."""
    name = identifier(role["name"])
    check_password(role)
    found = known.get(role["name"])
    steps: Steps = []
    if found is None:
        steps.append((f"create role {name}", f"CREATE ROLE {name} LOGIN;"))
    elif not found["login"]:
        steps.append((f"let {name} log in", f"ALTER ROLE {name} LOGIN;"))
    if found is None or not accepts(found["password"], role["password"]):
        secret = verifier(role["password"], secrets.token_bytes(16))
        steps.append((f"set the password of {name}", f"ALTER ROLE {name} PASSWORD '{secret}';"))
    for group in role["member_of"]:
        if found is None or group not in found["member_of"]:
            steps.append((f"grant {group} to {name}", f"GRANT {identifier(group)} TO {name};"))
    return steps


def database_steps(database: dict[str, str], known: dict[str, str]) -> Steps:
    """Return what makes a database as described out of the databases that exist."""
    name, owner = identifier(database["name"]), identifier(database["owner"])
    if database["name"] not in known:
        text = f"CREATE DATABASE {name} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';"
        return [(f"create database {name}", text)]
    if known[database["name"]] != database["owner"]:
        return [(f"give database {name} to {owner}", f"ALTER DATABASE {name} OWNER TO {owner};")]
    return []


def identifier(name: str) -> str:
    """Return a quoted name; only plain ones are accepted."""
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,62}", name):
        raise AccessError(
            f"expected a name of lower-case letters, digits, _ and -, found {name!r}; rename it"
        )
    return f'"{name}"'


def check_password(role: dict[str, Any]) -> None:
    """Refuse what is weak, or what PostgreSQL would normalise before hashing."""
    if not re.fullmatch(r"[ -~]{16,}", role["password"]):
        raise AccessError(
            f"the password of role {role['name']}: expected at least 16 printable ASCII characters, "
            "found others or fewer; set it in the inventory, from a vault"
        )


def psql(statements: str, port: int) -> str:
    """Run statements as the superuser over the local socket and return what they print."""
    command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
    done = subprocess.run(
        [*command, f"--port={port}", "--dbname=postgres"],
        input=f"SET log_min_error_statement = panic;\n{statements}",
        user="postgres",
        group="postgres",
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AccessError(f"psql refused: {done.stderr.strip()}")
    return done.stdout


def main() -> None:
    """Run the task."""
    role = {
        "name": {"type": "str", "required": True},
        "password": {"type": "str", "required": True, "no_log": True},
        "member_of": {"type": "list", "elements": "str", "default": []},
    }
    database = {"name": {"type": "str", "required": True}, "owner": {"type": "str", "required": True}}
    arguments: dict[str, Any] = {
        "port": {"type": "int", "default": 5432},
        "roles": {"type": "list", "elements": "dict", "default": [], "options": role},
        "databases": {"type": "list", "elements": "dict", "default": [], "options": database},
    }
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    try:
        steps = converge(module.params, check_mode=module.check_mode)
    except AccessError as error:
        module.fail_json(msg=str(error))
    done = "".join(f"{text}\n" for text, _ in steps)
    module.exit_json(changed=bool(steps), diff={"before": "", "after": done})


def converge(params: dict[str, Any], *, check_mode: bool) -> Steps:
    """Do, or in check mode only name, what is missing."""
    try:
        found = json.loads(psql(LOOK, params["port"]))
    except (AccessError, FileNotFoundError, KeyError, PermissionError):
        if not check_mode:
            raise
        found = {"roles": {}, "databases": {}}  # a host that has no PostgreSQL yet
    steps = [step for role in params["roles"] for step in role_steps(role, found["roles"])]
    steps += [step for entry in params["databases"] for step in database_steps(entry, found["databases"])]
    if steps and not check_mode:
        psql("\n".join(statement for _, statement in steps), params["port"])
    return steps


if __name__ == "__main__":
    main()
