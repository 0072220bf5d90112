import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import sys

from pifpaf_core.training.allocation import keep_freed_memory

BLOCK = 48 << 20
if sys.argv[1] == 'keep':
    assert keep_freed_memory()
bytearray(BLOCK)  # calloc: the first time, its pages are new in any case
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    block = bytearray(BLOCK)
    block[::4096] = b'x' * (BLOCK // 4096)
    del block
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how):
    done = subprocess.run([sys.executable, '-c', FAULTS, how], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the C library is not glibc')
def test_freed_memory_is_used_again():
    """Four blocks of 48 MB, one after the other: without it each block's pages come from the system anew."""
    assert page_faults('keep') < page_faults('return') / 2
