"""Honest faults: what learners hand in without meaning any harm."""

from __future__ import annotations

from typing import Final

from bank_course import HONEST, Case, insert_after

_PEOPLE = HONEST["people"]


def _body(text: str) -> str:
    return "def people(events):\n" + "\n".join(f"    {line}" for line in text.split("\n"))


FAULTS: Final = [
    Case("honest", "answer everything"),
    Case("honest_zh", "answer everything, in Chinese", lang="zh"),
    Case(
        "untouched", "hand in the stubs",
        dict.fromkeys(HONEST, "# YOUR CODE HERE\nraise NotImplementedError()"),
        points=dict.fromkeys(HONEST, 0),
    ),
    Case(
        "loop_in_cell", "loop for ever in a cell", {"people": _PEOPLE + "\nwhile True:\n    pass"},
        says=("KeyboardInterrupt",),
    ),
    Case("loop_in_function", "loop for ever in a function", {"people": _body("while True:\n    pass")}, points={"people": 0}),
    Case(
        "loop_that_swallows", "loop for ever and catch the interrupt",
        {"people": _body("while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass")},
        points={"people": 0},
    ),
    Case("print_for_ever", "print without end", {"people": _PEOPLE + "\nwhile True:\n    print('again and again')"}),
    Case(
        "print_in_function", "print ten megabytes in a function",
        {"people": _body("print('x' * 10_000_000)\nreturn events['user_id'].nunique()")}, at_most={"people": 2},
    ),
    Case("recursion", "recurse without end", {"people": _body("return people(events)")}, points={"people": 0}),
    Case("memory_in_cell", "fill the memory in a cell", {"people": _PEOPLE + "\nhog = [bytearray(10**8) for _ in range(10**4)]"}),
    Case("memory_in_function", "fill the memory in a function", {"people": _body("return [bytearray(10**8) for _ in range(10**4)]")}, points={"people": 0}),
    Case("sys_exit", "leave by sys.exit in a cell", {"people": _PEOPLE + "\nimport sys\nsys.exit(0)"}),
    Case("sys_exit_in_function", "leave by sys.exit in a function", {"people": _body("import sys\nsys.exit(0)")}, points={"people": 0}),
    Case("os_exit", "end the process in a cell", {"people": "import os\nos._exit(0)"}, points={"people": 0}, says=("DeadKernelError",)),
    Case("os_exit_in_function", "end the process in a function", {"people": _body("import os\nos._exit(0)")}, points={"people": 0}),
    Case("segfault", "crash by ctypes", {"people": "import ctypes\nctypes.string_at(0)"}, points={"people": 0}, says=("DeadKernelError",)),
    Case(
        "segfault_in_function", "crash by ctypes in every function",
        {
            "people": _body("import ctypes\nreturn ctypes.string_at(0)"),
            "parts": "first = 11\ndef second(n, who):\n    import ctypes\n    return ctypes.string_at(0)",
        },
        points={"people": 0, "parts": 0},
    ),
    Case("input", "ask the keyboard", {"people": _PEOPLE + "\nname = input('Your name? ')"}, says=("StdinNotImplementedError",)),
    Case("deleted_answer", "delete the answer's text", {"people": ""}, points={"people": 0}),
    Case("syntax_error", "hand in what is not Python", {"people": "def people(events)\n    return 2"}, points={"people": 0}, says=("SyntaxError",)),
    Case(
        "shadow_builtins", "call variables sum, len, print, isinstance, str",
        {"people": _PEOPLE + "\nsum = 1\nlen = lambda x: 0\nprint = None\nisinstance = lambda a, b: True\nstr = int\nabs = 0"},
    ),
    Case("shadow_course", "call variables check, t, pd, week, secret", {"people": _PEOPLE + "\ncheck = t = pd = week = secret = None"}, points={}),
    Case("shadow_wrong", "a wrong answer beside a check of one's own", {"early": "early = 8\nclass check:\n    number = lambda *a, **k: None"}, points={"early": 0}),
    Case("warnings", "warn all the time", {"people": "import warnings\n" + _body("warnings.warn('careful')\nimport sys\nprint('oh', file=sys.stderr)\nreturn events['user_id'].nunique()")}),
    Case("huge_output", "show a huge table", {"people": _PEOPLE + "\nimport pandas as pd\npd.set_option('display.max_rows', None)\ndisplay(pd.DataFrame({'a': range(20_000)}))"}),
    Case("many_outputs", "show five thousand outputs", {"people": _PEOPLE + "\nfor i in range(5000):\n    display(i)"}),
    Case(
        "global_state", "change seeds, options, folder, backend, locale, recursion limit",
        {"people": _PEOPLE + "\nimport os, sys, numpy as np, pandas as pd, matplotlib\nnp.random.seed(1)\npd.set_option('display.max_columns', 1)\n"
         "os.chdir('/')\nmatplotlib.use('agg')\nsys.setrecursionlimit(10**6)\nnp.seterr(all='raise')\nos.environ.clear()"},
    ),
    Case(
        "threads_left", "leave threads running",
        {"people": _PEOPLE + "\nimport threading, time\ndef spin():\n    while True:\n        time.sleep(0.001)\nfor _ in range(20):\n    threading.Thread(target=spin).start()"},
    ),
    Case("top_level_await", "await at top level", {"early": "import asyncio\nawait asyncio.sleep(0.01)\nearly = 7"}),
    Case("mutate_tables", "empty the shared table in a cell", {"people": _PEOPLE + "\nevents.drop(events.index, inplace=True)\nevents['day'] = []"}),
    Case("mutate_argument", "empty the shared table in a function, so that what is expected is empty, too",
         {"table": "def per_day(events):\n    events.drop(events.index, inplace=True)\n    return events.rename(columns={'user_id': 'users'})[['day', 'users']]"}, points={"table": 0}),
    Case("huge_answer", "answer with ten million rows", {"early": "import numpy as np, pandas as pd\nearly = pd.DataFrame({'a': np.zeros(10**7)})"}, points={"early": 0}),
    Case("huge_result", "return ten million rows", {"table": "import numpy as np, pandas as pd\ndef per_day(events):\n    return pd.DataFrame({'day': np.arange(10**7), 'users': 1})"}, points={"table": 0}),
    Case("huge_text", "answer with a text of a hundred megabytes", {"early": "early = '7' * 10**8"}, points={"early": 0}),
    Case("huge_number", "answer with a number of a million digits", {"early": "early = 10**1_000_000"}, points={"early": 0}),
    Case("generator", "answer with a generator", {"people": _body("yield 2")}, points={"people": 0}),
    Case("endless_iterator", "answer with an iterator that never ends", {"people": "import itertools\n" + _body("return itertools.count()"), "early": "import itertools\nearly = itertools.repeat(7)"}, points={"people": 0, "early": 0}),
    Case("cyclic", "answer with containers that hold themselves", {"early": "early = []\nearly.append(early)\nmore = {}\nmore['x'] = more", "people": _body("a = {}\na['a'] = a\nreturn a")}, points={"early": 0, "people": 0}),
    Case("deep", "answer with ten thousand lists inside one another", {"early": "early = 7\nfor _ in range(10_000):\n    early = [early]"}, points={"early": 0}),
    Case("unsendable", "answer with what cannot be sent", {"early": "import threading\nearly = threading.Lock()", "people": _body("return open('/dev/null')")}, points={"early": 0, "people": 0}),
    Case("surrogates", "print and answer half characters", {"early": "early = '\\ud800'\nprint('\\udfff' * 10)", "people": _body("raise ValueError('\\ud800')")}, points={"early": 0, "people": 0}),
    Case("show_loop", "show charts in a loop", {"chart": "import matplotlib.pyplot as plt\nfor _ in range(5):\n    plt.plot([1, 2])\n    plt.show()\n" + HONEST["chart"]}, slow=60),
    Case("other_dtypes", "answer rightly in other dtypes", {"early": "early = 7", "people": "import numpy as np\n" + _body("return np.int8(events['user_id'].nunique())"), "parts": "import numpy as np\nfirst = np.float32(11)\ndef second(n, who):\n    return np.int64(n + 1)"}),
    Case("truth_for_number", "answer True where a number is asked", {"early": "early = True"}, points={"early": 0}),
    Case("nan", "answer NaN", {"early": "early = float('nan')", "parts": "first = float('nan')\nsecond = lambda n, who: float('inf')"}, points={"early": 0, "parts": 0}),
    Case("close_line", "close every descriptor", {"people": _PEOPLE + "\nimport os\nos.closerange(0, 256)"}, points={"people": 0}),
    Case("defined_too_late", "define the answer only after its test", {"early": "pass", "last": HONEST["last"] + "\nearly = 7"}, points={"early": 0}),
    Case("changed_later", "spoil right answers in a later cell", alter=lambda made: insert_after(made, "last_test", "early = 0\npeople = None\nfirst = 0\ndef double(x): return 0") and None),
    Case("delete_names", "delete all names at the end", alter=lambda made: insert_after(made, "last_test", "%reset -f\nglobals().clear()") and None),
    Case("magics", "use magics and the system's commands", {"early": "early = 7\n!ls /\n%timeit -n1 -r1 1\n%%capture"}, at_most={"early": 1}),
    Case("asyncio_run", "run an event loop in a function", {"people": "import asyncio\n" + _body("async def f():\n    return events['user_id'].nunique()\nloop = asyncio.new_event_loop()\ntry:\n    return loop.run_until_complete(f())\nfinally:\n    loop.close()")}, at_most={"people": 2}),
    Case("slow_repr", "answer with what takes for ever to show", {"people": _PEOPLE + "\nclass Slow:\n    def __repr__(self):\n        while True:\n            pass\nSlow()"}),
    Case("interrupt_twice", "four cells that hang", {n: HONEST[n] + "\nimport time\ntime.sleep(1000)" for n in ("people", "table", "parts", "last")}, slow=60),
]  # fmt: skip
