"""What ``crl doctor`` looks at: one subject per file, each a function that returns findings.

Nothing here trains or changes anything. What may crash (graphics libraries, plug-ins, a broken installation of torch)
is tried in a child process, so that a crash is a finding.
"""
