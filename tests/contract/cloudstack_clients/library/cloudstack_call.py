"""An Ansible module: one call of CloudStack's API by the collection's own class, polled to its end by that class.

The collection migrates a VM to another host only, and no volume; a site that wants more writes a module like this one.
Signing, calling and polling are `AnsibleCloudStack`'s.
"""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ngine_io.cloudstack.plugins.module_utils.cloudstack import AnsibleCloudStack, cs_argument_spec


def main() -> None:
    """Call `command` with `arguments`; of a job that succeeds, return what its result has under `key`."""
    module = AnsibleModule(
        argument_spec={
            **cs_argument_spec(),
            "command": {"type": "str", "required": True},
            "arguments": {"type": "dict", "required": True},
            "key": {"type": "str", "no_log": False},
        }
    )
    cloud = AnsibleCloudStack(module)
    started = cloud.query_api(module.params["command"], **module.params["arguments"])
    key = module.params["key"]
    ended = cloud.poll_job(started, key) if key else started
    module.exit_json(changed=True, ended=ended)


if __name__ == "__main__":
    main()
