"""vSphere: the only package that knows pyVmomi.

Plain dataclasses (`facts`) go in and out, and every error that leaves is one of `errors`. Importing pyVmomi takes
0.7 s: `errors`, `facts`, `endpoint` and `tls` do without it, so that whoever needs only those stays quick.
"""
