"""Attempts to reach out: read, write, signal, connect, fork, exhaust, persist, escape, learn a hidden test."""

from __future__ import annotations

from typing import Final

from bank_course import FULL, HONEST, Case, insert_after

_PEOPLE = HONEST["people"]
_ANY = dict(FULL)


def _cell(text: str) -> dict[str, str]:
    return {"people": _PEOPLE + "\n" + text}


def _tried(*lines: str) -> str:
    """Code that tries each line, and tells which did not fail."""
    return "\n".join(
        f"try:\n    got = ({line})\nexcept BaseException as e:\n    pass\nelse:\n    print('GOT', {number}, got)"
        for number, line in enumerate(lines)
    )


_SYSCALL = "import ctypes, os, sys\nlibc = ctypes.CDLL(None, use_errno=True)\ndef call(*a):\n    r = libc.syscall(*a)\n    if r < 0:\n        raise OSError(ctypes.get_errno())\n    return r\n"

REACH: Final = [
    Case("read_course", "read solutions, hidden tests, gradebook, other submissions", _cell(
        "import os, pathlib\nfor top in ('@ROOT@', '/root', '/home', '/srv', '/mnt', '@BESIDE@', os.path.expanduser('~'), '/tmp'):\n"
        # What it may see is not looked through: an environment has tens of thousands of files, and the cell a second.
        "    for folder, folders, files in os.walk(top):\n        if not folder.endswith('/tests'):\n"
        "            folders[:] = [n for n in folders if n not in ('.venv', 'site-packages', 'userops', 'datasets', 'autograder') and not n.startswith('python3')]\n"
        "        for name in files:\n            if name.endswith(('.md', '.db', '.ipynb', '.env', '.pem', '_history')) or 'bank' in name:\n"
        "                print('GOT', folder, name, open(os.path.join(folder, name), errors='replace').read()[:2000])"), never=("GOT",)),
    Case("read_system", "read passwords, keys, other processes, the host's settings", _cell(_tried(
        "open('/etc/shadow').read()", "open('/etc/passwd').read()", "open('/proc/1/environ').read().index('BANK')", "open('/proc/2/status').read()",
        "open('/proc/kcore', 'rb').read(10)", "open('/dev/mem', 'rb').read(10)", "open('/dev/kmsg').read(10)", "open('/run/secrets').read()", "open('/proc/1/root/etc/hostname').read()",
        "[p for p in __import__('os').listdir('/proc') if p.isdigit()][1]", "__import__('os').listdir('@ROOT@/solutions')", "__import__('os').listdir('/sys/class')")), never=("GOT",)),
    Case("read_environment", "read the environment's secrets", _cell("import os, sys\nprint(dict(os.environ))\nprint(open('/proc/self/environ', errors='replace').read())\nprint(open('/proc/self/cmdline').read())")),
    Case("read_memory", "look through all objects for tests and seeds", _cell(
        "import gc, sys\nfor o in gc.get_objects():\n    try:\n        if isinstance(o, dict) and ('samples' in o or 'truth' in o) or type(o).__name__ in ('MasterCell', 'Step', 'ChapterPlan'):\n            print('GOT', str(o)[:300])\n    except Exception:\n        pass\n"
        "frame = sys._getframe()\nwhile frame:\n    z = frame.f_locals.get('self')\n    if getattr(z, 'samples', None):\n        print('GOT', z.samples)\n    frame = frame.f_back"), never=("GOT",)),
    Case("write_course", "write to the course, the packages, the data, the libraries", _cell(
        "import pandas, userops, autograder, os, sys\nfrom userops import data_folder\n"
        # Of a checkout that lies in /tmp its own empty /tmp shows the path, which is its own: test_nothing_changed_outside looks.
        "def in_own_tmp(path):\n    if path.startswith('/tmp/'):\n        raise OSError('made where nobody else sees it')\n" + _tried(
            "open(pandas.__file__, 'a').write('#')", "open(userops.__file__, 'a').write('#')", "open(autograder.__file__, 'a').write('#')",
            "open(data_folder() / 'attack.txt', 'w')", "os.remove(next(iter(data_folder().glob('*.parquet'))))", "open(sys.prefix + '/attack', 'w')",
            "open('/usr/attack', 'w')", "open('/attack', 'w')", "open('/dev/attack', 'w')", "os.mkdir('@ROOT@/attack') or in_own_tmp('@ROOT@')", "os.chmod(userops.__file__, 0o777)",
            "os.utime(userops.__file__)", "open('/tmp/matplotlib/attack', 'w')", "os.symlink('/etc', '/dev/shm/../attack')")), never=("GOT",)),
    Case("write_proc", "write the kernel's settings", _cell("import os\n" + _tried(
        "os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY)", "os.open('/proc/sysrq-trigger', os.O_WRONLY)", "open('/proc/self/oom_score_adj', 'w').write('-1000')",
        "open('/proc/sys/vm/overcommit_memory', 'w').write('1')", "os.open('/proc/self/uid_map', os.O_WRONLY)", "os.open('/proc/sys/kernel/hostname', os.O_WRONLY)", "open('/proc/self/mem', 'r+b').write(b'')")), never=("GOT",)),
    Case("files_left", "leave files for the next one", _cell("import os\nfor p in ('/tmp/attack', '/dev/shm/attack', '/tmp/work/attack', '/tmp/matplotlib/attack', os.path.expanduser('~/attack')):\n    try:\n        open(p, 'w').write('x')\n    except OSError:\n        pass")),
    Case("files_found", "find what another left", _cell("import os\nprint([p for p in ('/tmp/attack', '/dev/shm/attack', '/tmp/work/attack', '/tmp/matplotlib/attack') if os.path.exists(p)] and 'GOT')"), never=("GOT",)),
    Case("signals", "signal every process", _cell("import os, signal\n" + _tried("os.kill(os.getppid() or 1 << 21, 9)", "os.kill(2, 9)", "os.killpg(os.getpgrp() + 1, 9)") + "\ntry:\n    os.kill(-1, 9)\nexcept OSError:\n    pass"), at_most={"people": 2}),
    Case("kill_all", "kill process group and itself", _cell("import os\nos.killpg(0, 9)\nos.kill(os.getpid(), 9)\nos.abort()"), points={"people": 0}),
    Case("trace", "trace, and read other processes' memory", _cell(_SYSCALL + _tried("call(101, 16, 1, 0, 0)", "call(310, 1, 0, 0, 0, 0, 0)", "call(434, 1, 0)", "call(438, 3, 0, 0)", "call(312, 1, 1, 0, 0, 0)", "call(298, 0, 0, -1, -1, 0)", "call(321, 0, 0, 0)")), never=("GOT",)),
    Case("connect", "connect by every kind of socket", _cell("import socket\n" + _tried(
        "socket.create_connection(('1.1.1.1', 53), 1)", "socket.create_connection(('127.0.0.1', 22), 1)", "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "socket.socket(socket.AF_UNIX)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "socket.getaddrinfo('example.org', 80)", "socket.socket(socket.AF_INET6)", "socket.socket(38, 5)", "socket.create_server(('127.0.0.1', 0))",
        "__import__('urllib.request').request.urlopen('http://1.1.1.1', timeout=1)")), never=("GOT",)),
    Case("duckdb_reach", "read and load by way of DuckDB", _cell("import duckdb\n" + _tried(
        "duckdb.sql(\"select * from read_text('@BESIDE@/*')\").fetchall()[0]", "duckdb.sql(\"select * from read_text('@ROOT@/solutions/*')\").fetchall()[0]",
        "duckdb.sql(\"install httpfs\")", "duckdb.sql(\"copy (select 1) to '/usr/attack.csv'\")")), at_most={"people": 2}, never=("GOT",)),
    Case("fork", "start processes in every way", _cell(_SYSCALL + "import subprocess, multiprocessing\n" + _tried(
        "os.fork()", "subprocess.run(['true'])", "os.system('true') == 0 and 1 or 1 / 0", "os.posix_spawn('/bin/true', ['true'], {})", "call(58)", "call(57)", "call(56, 17, 0, 0, 0, 0)", "call(435, 0, 0)",
        "multiprocessing.Pool(2)", "os.execv('/bin/true', ['true'])", "call(56, 0x00010000 >> 1, 0, 0, 0, 0)", "os.forkpty()") + "\n"), never=("GOT",), slow=60),
    Case("fork_bomb", "a fork bomb", _cell("import os\nwhile True:\n    os.fork()")),
    Case("thread_bomb", "threads without end", _cell("import threading, time\nthreading.stack_size(32768)\nn = 0\ntry:\n    while True:\n        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n        n += 1\nexcept BaseException as e:\n    pass\nprint('threads', n)\nif n > 2000:\n    print('GOT', n)"), at_most=_ANY, never=("GOT",)),
    Case("exhaust_disk", "fill the disk, files without end", _cell("import os\nn = 0\ntry:\n    for i in range(10**6):\n        open(f'/tmp/work/{i}', 'w').close()\n        n += 1\nexcept OSError:\n    pass\nif n > 5000:\n    print('GOT', n)\ntotal = 0\ntry:\n    for i in range(100):\n        with open(f'/dev/shm/{i}', 'wb') as f:\n            for _ in range(64):\n                total += f.write(bytes(2**20))\nexcept OSError:\n    pass\nif total > 10**8:\n    print('GOT', total)"), never=("GOT",)),
    Case("exhaust_descriptors", "descriptors and pipes without end", _cell("import os\nn = []\ntry:\n    while len(n) < 10_000:\n        n.append(os.open('/dev/null', os.O_RDONLY))\nexcept OSError:\n    pass\nif len(n) > 1000:\n    print('GOT', len(n))\nfor x in n:\n    os.close(x)"), never=("GOT",)),
    Case("hidden_memory", "memory that no limit on addresses counts", _cell(_SYSCALL + _tried("os.memfd_create('x')", "call(29, 0, 1 << 30, 0o1600)", "call(447, 0)", "call(425, 8, 0)", "call(68, 0, 0o1600)", "call(240, b'/x', 66, 0o600, 0)")), never=("GOT",)),
    Case("exhaust_cpu", "burn the processor in many threads", _cell("import threading, hashlib\ndef burn():\n    data = bytes(10**7)\n    while True:\n        hashlib.sha256(data)\nfor _ in range(8):\n    threading.Thread(target=burn, daemon=True).start()"), at_most=_ANY, slow=60),
    Case("stack", "overflow the stack in C", _cell("import sys\nsys.setrecursionlimit(10**9)\ndef f(n):\n    return f(n + 1)\nx = []\nfor _ in range(10**6):\n    x = [x]\nrepr(x)\nf(0)"), at_most={"people": 2}),
    Case("escape", "mount, unshare, change root, join namespaces", _cell(_SYSCALL + _tried(
        "call(165, b'none', b'/tmp', b'tmpfs', 0, 0)", "call(272, 0x10000000)", "call(272, 0x00020000)", "call(161, b'/')", "call(155, b'/', b'/')", "call(308, 3, 0)", "call(166, b'/tmp', 0)",
        "call(428, -100, b'/', 0)", "call(430, b'proc', 0)", "call(135, 0x0400000)", "call(317, 1, 0, 0)", "call(304, 0, 0, 0)", "call(303, -100, b'/', 0, 0, 0)", "os.setuid(1)", "os.setgroups([0])", "os.chroot('/tmp')", "call(170, b'x', 1)", "call(169, 0xfee1dead, 672274793, 0x01234567, 0)", "os.mknod('/tmp/work/d', 0o60600, os.makedev(8, 0))", "call(0x40000000 + 57)")), never=("GOT",)),
    Case("other_numbering", "calls by the numbers of 32 bits", _cell("import ctypes, mmap\ncode = bytes.fromhex('b8 02 00 00 00 cd 80 c3'.replace(' ', ''))\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(code)\nf = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))\nr = f()\nif r >= 0:\n    print('GOT', r)"), at_most={"people": 2}, never=("GOT",)),
    Case("pass_descriptors", "hand descriptors to the other end of the line", _cell("import socket, sys, os, array\nframe = sys._getframe()\nline = None\nwhile frame:\n    for v in frame.f_locals.values():\n        if isinstance(v, socket.socket):\n            line = v\n    frame = frame.f_back\nfd = os.open('/dev/zero', os.O_RDONLY)\nline.sendmsg([(4).to_bytes(4, 'big')], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd] * 50))])\nline.sendall(b'abcd')"), at_most={"people": 2}),
    # ---- learning a hidden test
    Case("print_arguments", "print what it is called with", {"people": "def people(events):\n    print(events, events.to_dict())\n    import sys\n    print(events, file=sys.stderr)\n    display(events)\n    import os\n    os.write(1, str(events).encode())\n    return events['user_id'].nunique()"}),
    Case("print_wrong", "print what it is called with, and be wrong", {"people": "def people(events):\n    print(events.to_dict())\n    return 2"}, points={"people": 0}),
    Case("store_and_print", "store what it is called with, print it in a later cell", {"people": "import sys\nsys.stash = []\nseen = []\ndef people(events):\n    seen.append(events)\n    sys.stash.append(events)\n    open('/tmp/work/stash', 'a').write(str(events))\n    return events['user_id'].nunique()"},
         lambda m: insert_after(m, "people_test", "print(seen, sys.stash)\nimport os\nif os.path.exists('/tmp/work/stash'):\n    print(open('/tmp/work/stash').read())") and None),
    Case("store_and_tell", "store what it is called with, tell it by a later function's visible call", {
        "people": "import sys\nsys.stash = []\ndef people(events):\n    sys.stash.append(events.to_dict())\n    return events['user_id'].nunique()",
        "table": "def per_day(events):\n    print(sys.stash)\n    raise ValueError(str(sys.stash))",
        "last": "def double(x):\n    print(sys.stash)\n    return str(sys.stash[-1]['who'])[:30] if sys.stash else 0"}, points={"table": 0, "last": 0}),
    Case("store_and_name", "tell it by a later function's column, number, class", {
        "people": "import sys\nsys.stash = []\ndef people(events):\n    sys.stash.append(events.to_dict())\n    return events['user_id'].nunique()",
        "table": "import pandas as pd\ndef per_day(events):\n    d = sys.stash[-2] if len(sys.stash) > 1 else {'user_id': {0: 0}, 'who': {0: 'none'}}\n    return pd.DataFrame({d['who'][0]: [1], d['user_id'][0]: 2})",
        "last": "def double(x):\n    return sys.stash[-2]['user_id'][0] if len(sys.stash) > 1 else 0"}, points={"table": 0, "last": 0}),
    Case("raise_arguments", "raise what it is called with", {"people": "def people(events):\n    if len(events) == 3:\n        return 2\n    raise ValueError(events.to_dict())", "parts": "first = 0\ndef second(n, who):\n    raise KeyError(who)", "last": "def double(x):\n    if x == 2:\n        return 4\n    raise OverflowError(x)"}, points={"people": 0, "parts": 0, "last": 0}),
    Case("raise_class", "name an error's class after it", {"people": "def people(events):\n    if len(events) == 3:\n        return 2\n    raise type(events['who'].iloc[0].replace('-', '_'), (ValueError,), {})('x')", "parts": "first = 0\ndef second(n, who):\n    e = ValueError('x')\n    e.__notes__ = [who]\n    e.add_note(str(n))\n    raise e from KeyError(who)"}, points={"people": 0, "parts": 0}),
    Case("raise_line", "hide it in a traceback's line", {"people": "import linecache\ndef people(events):\n    if len(events) == 3:\n        return 2\n    text = 'raise ValueError() # ' + events['who'].iloc[0]\n    linecache.cache['<evil>'] = (len(text), None, [text], '<evil>')\n    exec(compile(text, '<evil>', 'exec'), globals())", "parts": "first = 0\ndef second(n, who):\n    raise NameError(f\"name '{who}' is not defined\", name=who)", "last": "def double(x):\n    if x == 2:\n        return 4\n    exec(compile(f'def f{x}(): raise NotImplementedError(f{x})\\nf{x}()', f'{x}.py', 'exec'))"}, points={"people": 0, "parts": 0, "last": 0}),
    Case("return_text", "return it as a text", {"people": "def people(events):\n    return 2 if len(events) == 3 else events['who'].iloc[0]", "parts": "first = 0\ndef second(n, who):\n    return who", "last": "def double(x):\n    return 4 if x == 2 else str(x)"}, points={"people": 0, "parts": 0, "last": 0}),
    Case("return_number", "return it as a number, a date, a list", {"people": "def people(events):\n    return 2 if len(events) == 3 else events['user_id'].iloc[0]", "parts": "first = 0\ndef second(n, who):\n    return float(n)", "last": "def double(x):\n    return 4 if x == 2 else [x, x]"}, points={"people": 0, "parts": 0, "last": 0}),
    Case("return_names", "return it as a column's, a class's, a function's name", {
        "table": "import pandas as pd\ndef per_day(events):\n    if len(events) == 4:\n        return " + "events.groupby('day', as_index=False)['user_id'].nunique().rename(columns={'user_id': 'users'})\n    return pd.DataFrame({'day': [1, 2], 'users': [1, 1], f\"u{events['user_id'].iloc[0]}\": 1, events['day'].iloc[0]: 2})",
        "parts": "first = 0\ndef second(n, who):\n    return type(who.replace('-', '_'), (), {})()",
        "people": "def people(events):\n    if len(events) == 3:\n        return 2\n    def f(): pass\n    f.__name__ = events['who'].iloc[0].replace('-', '_')\n    return f",
        "last": "def double(x):\n    return 4 if x == 2 else type(f'C{x}', (), {})"}, points={"table": 0, "parts": 0, "people": 0, "last": 0}),
    Case("return_rows", "return it in rows and labels", {
        "table": "import pandas as pd\ndef per_day(events):\n    if len(events) == 4:\n        return events.groupby('day', as_index=False)['user_id'].nunique().rename(columns={'user_id': 'users'})\n    return pd.DataFrame({'day': [3, events['day'].iloc[0], events['user_id'].iloc[0]], 'users': [events['user_id'].iloc[0]] * 3})",
        "last": "import pandas as pd\ndef double(x):\n    return 4 if x == 2 else pd.Series([x], index=[x], name=x)"}, points={"table": 0, "last": 0}),
    Case("return_size", "return as many rows as it is worth", {"last": "def double(x):\n    return 4 if x == 2 else range(x)", "parts": "first = 0\ndef second(n, who):\n    return [0] * (n // 100)"}, points={"last": 0, "parts": 0}, never=("773,173", "773173")),
    Case("return_digits", "return it in the digits of other numbers", {"last": "def double(x):\n    return 4 if x == 2 else -x / 1e4", "people": "def people(events):\n    return 2 if len(events) == 3 else f\"<{events['who'].iloc[0][::-1]}>\""}, points={"last": 0, "people": 0}, never=("1377-NEDDIH", "4,142.42", "4142.42")),
    Case("return_truths", "tell it by the kind of what is returned", {"parts": "first = 11\ndef second(n, who):\n    return None"}, points={"parts": 1}),
    Case("chart_title", "a chart titled with what a hidden call handed over", {"people": "def people(events):\n    ax.set_title(str(events.to_dict()))\n    return events['user_id'].nunique()", "chart": HONEST["chart"], "early": HONEST["chart"] + "\nearly = 7"}),
    Case("die_and_tell", "die in a hidden call, tell when all is run again", {"people": "import os\nif os.path.exists('/tmp/work/stash'):\n    print(open('/tmp/work/stash').read())\ndef people(events):\n    if len(events) == 3:\n        return 2\n    open('/tmp/work/stash', 'w').write(str(events))\n    os._exit(1)"}, points={"people": 0}),
    Case("hang_and_tell", "hang in a hidden call", {"people": "def people(events):\n    while len(events) != 3:\n        pass\n    return 2", "parts": "first = 11\ndef second(n, who):\n    while True:\n        pass"}, points={"people": 0, "parts": 0}),
    Case("background_teller", "a thread that prints whatever comes by", {"people": "import threading, time, gc, sys, os\ndef people(events):\n    sys.stash = str(events)\n    return events['user_id'].nunique()\ndef tell():\n    while True:\n        time.sleep(0.01)\n        if hasattr(sys, 'stash'):\n            print(sys.stash)\n            sys.__stdout__.write(sys.stash)\n            os.write(1, sys.stash.encode())\n            os.write(2, sys.stash.encode())\nthreading.Thread(target=tell, daemon=True).start()"}),
    Case("patched_parent", "change what the next fork would inherit", _cell("import pandas as pd, userops.check, sys\npd.DataFrame.__len__ = lambda s: 0\npd.DataFrame.groupby = None\nsys.setswitchinterval(100)"), at_most=_ANY),
]  # fmt: skip
