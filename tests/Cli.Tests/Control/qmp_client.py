"""Drives a control socket with Ganeti's QMP client, and prints what it got, one JSON value a line."""

import json
import sys

from ganeti import errors
from ganeti.hypervisor.hv_kvm import monitor


def tell(value):
    print(json.dumps(value, sort_keys=True), flush=True)


def refused(connection, command, arguments=None):
    try:
        return connection.Execute(command, arguments)
    except errors.HypervisorError as error:
        return str(error)


with monitor.QmpConnection(sys.argv[1]) as qmp:
    tell(list(qmp.version))
    tell(qmp.package)
    tell(qmp.Execute("query-status"))
    qmp.Execute("stop")
    tell(qmp.Execute("query-status"))
    qmp.Execute("cont")
    tell(qmp.Execute("query-status"))
    tell([cpu["cpu-index"] for cpu in qmp.Execute("query-cpus-fast")])
    tell(qmp.Execute("query-sev")["enabled"])
    tell(refused(qmp, "device_add", {"driver": "e1000"}))
    tell(refused(qmp, "x-kvmsev-query-page", {"gpa": "here"}))
    tell(qmp.Execute("x-kvmsev-query-page", {"gpa": 4096})["state"])
    qmp.Execute("quit")
