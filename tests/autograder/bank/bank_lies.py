"""Lying objects and patched libraries: answers that want to look right, and a process that does not tell the truth."""

from __future__ import annotations

from typing import Final

from bank_course import FULL, HONEST, Case

_ALL_ZERO = dict.fromkeys(FULL, 0)
_LIAR = """\
class Liar:
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = lambda *a: True
    __hash__ = None
    __bool__ = lambda self: True
    __float__ = lambda self: 7.0
    __int__ = __index__ = lambda self: 7
    __len__ = lambda self: 2
    __getattr__ = lambda self, name: self
    __call__ = lambda self, *a, **k: self
    __getitem__ = lambda self, key: self
    __contains__ = lambda self, key: True
    __iter__ = lambda self: iter([self])
    __array__ = lambda self, *a, **k: __import__('numpy').array(7)
    __instancecheck__ = __subclasscheck__ = lambda *a: True
"""


def _with(text: str, **more: str) -> dict[str, str]:
    return {"people": "def people(events):\n" + "\n".join(f"    {line}" for line in text.split("\n"))} | more


# Where the agent of the learner's process stands: what dishonest code looks for first.
_AGENT = """\
import sys, gc
def _frames():
    frame = sys._getframe()
    while frame:
        yield frame
        frame = frame.f_back
_found = {}
for _frame in _frames():
    for _name, _value in list(_frame.f_locals.items()):
        if type(_value).__name__ in ('Student', 'socket', 'ForkServer', 'Notebook'):
            _found[type(_value).__name__] = _value
student, line = _found.get('Student'), _found.get('socket')
from autograder.engine import protocol
from autograder.engine.serialization import messages as wire
from autograder.engine.worker import student as agent
"""


def _forged(text: str) -> str:
    return _AGENT + text


LIES: Final = [
    Case("always_equal", "objects equal to everything", {n: _LIAR + f"{v} = Liar()" for n, v in {"early": "early", "people": "people", "table": "per_day", "chart": "ax", "last": "double"}.items()} | {"parts": _LIAR + "first = second = Liar()"}, points=_ALL_ZERO),
    Case("always_equal_results", "functions that return objects equal to everything", _with("return Liar()", early=_LIAR + "early = Liar()", last="def double(x):\n    return Liar()"), points={"early": 0, "people": 0, "last": 0}),
    Case("lying_class", "an object whose class is a property", {"early": "class Fake:\n    __class__ = property(lambda self: int)\n    __eq__ = lambda *a: True\n    __float__ = lambda self: 7.0\nearly = Fake()"}, points={"early": 0}),
    Case("lying_int", "a number that is equal to all others", {"early": "class N(int):\n    __eq__ = lambda *a: True\n    __sub__ = __rsub__ = __abs__ = lambda *a: 0\n    __float__ = lambda self: 7.0\nearly = N(8)"}, points={"early": 0}),
    Case("lying_str", "a text that is equal to all others", _with("class S(str):\n    __eq__ = lambda *a: True\n    __hash__ = lambda s: 0\n    __float__ = lambda s: 4.0\nreturn S('4')"), points={"people": 0}),
    Case("lying_frame", "a frame whose methods lie", {"table": "import pandas as pd\nclass F(pd.DataFrame):\n    _constructor = property(lambda self: F)\n    equals = __eq__ = lambda *a: True\n    columns = property(lambda self: pd.Index(['day', 'users']))\n    __len__ = lambda self: 3\n    shape = property(lambda self: (3, 2))\ndef per_day(events):\n    return F({'x': [1]})"}, points={"table": 0}),
    Case("lying_dict", "containers whose methods lie", {"early": "class D(dict):\n    __eq__ = lambda *a: True\n    __len__ = lambda self: 7\n    items = lambda self: [('early', 7)]\nearly = D()"}, points={"early": 0}),
    Case("lying_array", "arrays that lie", {"early": "import numpy as np\nclass A(np.ndarray):\n    __array_ufunc__ = lambda *a, **k: np.array(True)\n    __array_function__ = lambda *a, **k: True\n    item = lambda *a: 7\nearly = np.array(8).view(A)", "people": "import numpy as np\nclass X:\n    __array_interface__ = property(lambda s: {'shape': (), 'typestr': '<i8', 'data': (4, False), 'version': 3})\ndef people(events):\n    return X()"}, points={"early": 0, "people": 0}),
    Case("reduce_bomb", "objects that run code when unpickled or copied", {"early": "import os\nclass B:\n    __reduce__ = __reduce_ex__ = lambda self, *a: (os.system, ('touch /tmp/attack-reduce',))\n    __deepcopy__ = __copy__ = lambda self, *a: 7\nearly = B()", "people": "import os, numpy as np\nclass B:\n    __reduce__ = lambda self: (os._exit, (0,))\ndef people(events):\n    return np.array([B()], dtype=object)"}, points={"early": 0, "people": 0}),
    Case("metaclass", "a metaclass that lies about its classes", {"early": "class M(type):\n    __mro__ = property(lambda c: (int, object))\n    __instancecheck__ = lambda *a: True\n    __name__ = property(lambda c: 1 / 0)\n    mro = lambda c: [c, object]\nclass X(metaclass=M):\n    pass\nearly = X()"}, points={"early": 0}),
    Case("patched_check", "checks that always pass", {"early": "early = 8\nimport userops.check as c\nfor n in list(vars(c)):\n    if callable(getattr(c, n)) and n[0] != '_':\n        try:\n            setattr(c, n, lambda *a, **k: None)\n        except Exception:\n            pass\nimport sys\nfor m in list(sys.modules):\n    if m.startswith('userops.check'):\n        sys.modules[m].judge = sys.modules[m].verdict = sys.modules[m].fail = lambda *a, **k: None"}, points={"early": 0}),
    Case("patched_builtins", "isinstance, abs, len, AssertionError patched", {"early": "early = 8\nimport builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.AssertionError = Warning\nbuiltins.abs = lambda x: 0\nbuiltins.__build_class__ = None"}, points={"early": 0}, at_most=dict.fromkeys(set(FULL) - {"early"}, 3)),
    Case("patched_pandas", "pandas and numpy compare as they are told", {"table": "import pandas as pd, numpy as np\npd.DataFrame.equals = pd.Series.equals = lambda *a: True\npd.testing.assert_frame_equal = lambda *a, **k: None\nnp.isclose = np.allclose = np.array_equal = lambda *a, **k: True\ndef per_day(events):\n    return events"}, points={"table": 0}),
    Case("ast_hook", "drop every assert from cells to come", {"early": "early = 8\nimport ast\nclass Drop(ast.NodeTransformer):\n    def visit_Assert(self, node):\n        return ast.Pass()\n    def visit_Expr(self, node):\n        return ast.Pass()\nget_ipython().ast_transformers.append(Drop())\nget_ipython().input_transformers_cleanup.append(lambda lines: [])"}, points={"early": 0, "chart": 0, "people": 0, "table": 0, "parts": 0, "last": 0}),
    Case("shell_tricks", "replace run_cell, events, the display hook", {"early": "early = 8\nip = get_ipython()\nip.run_cell = lambda *a, **k: None\nip.events.register('pre_run_cell', lambda *a: 1 / 0)\nip.events.register('post_execute', lambda *a: 1 / 0)\nip.set_custom_exc((Exception,), lambda *a: None)\nimport sys\nsys.displayhook = sys.excepthook = None"}, points={"early": 0}, at_most=dict.fromkeys(set(FULL) - {"early"}, 3)),
    Case("settrace", "trace and profile all that follows", {"early": "early = 8\nimport sys, threading\ndef spy(frame, event, arg):\n    for k in list(frame.f_locals):\n        if k in ('want', 'secret'):\n            print(k, frame.f_locals[k])\n    return spy\nsys.settrace(spy)\nsys.setprofile(spy)\nthreading.settrace(spy)"}, points={"early": 0}, at_most=dict.fromkeys(set(FULL) - {"early"}, 3), slow=60),
    Case("modules_replaced", "other modules under the libraries' names", {"early": "early = 8\nimport sys, types\nfor n in ('pandas', 'numpy', 'userops', 'userops.check', 'msgpack', 'autograder.engine.serialization.messages'):\n    sys.modules[n] = types.ModuleType(n)"}, points={"early": 0}, at_most=dict.fromkeys(set(FULL) - {"early"}, 3)),
    Case("import_hooks", "hooks on every import, at the exit, in the collector, on signals", {"early": "early = 8\nimport sys, atexit, gc, signal, builtins\nclass Hook:\n    def find_spec(self, *a):\n        raise SystemExit\nsys.meta_path.insert(0, Hook())\natexit.register(lambda: open('/tmp/attack-exit', 'w').write('x'))\ngc.callbacks.append(lambda *a: 1 / 0)\nfor n in range(1, 32):\n    try:\n        signal.signal(n, signal.SIG_IGN)\n    except Exception:\n        pass\nbuiltins.__import__ = lambda *a, **k: 1 / 0"}, points={"early": 0}, at_most=dict.fromkeys(set(FULL) - {"early"}, 3)),
    Case("wire_patched", "the agent says that every answer is seven", {"early": _forged("early = 8\nwire.encode = lambda *a, **k: b'\\x07'")}, points={"early": 0}),
    Case("forged_check", "the agent sends a `check` of its own beside the names asked for", {"early": _forged("early = 8\nclass check:\n    number = frame = chart = visible_ok = staticmethod(lambda *a, **k: None)\n_take = agent.Student.take_snapshot\ndef take(self, place, names):\n    return _take(self, place, [*names, 'check', 'isinstance', 'pd', 't', 'assert_', 'events', '__builtins__', 'get_ipython'])\nagent.Student.take_snapshot = take\nisinstance = lambda *a: True")}, points={"early": 0}),
    Case("forged_answers", "answers to every question written in advance", {"people": _forged("import threading\ndef people(events):\n    return 0\nwire.write_frame(line, wire.encode(protocol.encode(protocol.CellOutputs([]))))\nfor n in (2, 4, 1, 2, 4, 1):\n    wire.write_frame(line, wire.encode(protocol.encode(protocol.Returned(wire.encode(n), wire.encode([None])))))")}, points={"people": 0}, at_most=dict.fromkeys(set(FULL) - {"people"}, 3)),
    Case("misfit", "answers of the right name with other fields, or values of other types", {"people": _forged("def people(events):\n    return 0\nagent.encode = lambda message: {'is': 'Returned', 'value': 4, 'became': None, 'out': 5, 'err': ''}")}, points={"people": 0}),
    Case("misfit_call", "a call's answer with a field too many", {"people": _forged("def people(events):\n    return 4\n_encode = protocol.encode\ndef encode(message):\n    told = _encode(message)\n    return told | {'passed': True} if told['is'] in ('Returned', 'Raised') else told\nagent.encode = encode")}, points={"people": 0, "table": 0, "last": 0}, at_most={"parts": 3, "chart": 3}),
    Case("claimed_lost", "an answer that is the coordinator's alone", {"people": _forged("def people(events):\n    return 0\n_call = agent.Student.call\nagent.Student.call = lambda self, *a: protocol.StudentLost('SystemExit', 'full points') if _call(self, *a) else None")}, points={"people": 0, "table": 0, "last": 0}, at_most={"parts": 3, "chart": 3}),
    Case("malformed", "bytes that mean nothing", {"people": _forged("import os\nos.write(line.fileno(), os.urandom(100_000))")}, points={"people": 0}),
    Case("oversized", "a message of four gigabytes is announced", {"people": _forged("line.sendall(b'\\xff\\xff\\xff\\xff' + b'x' * 1000)")}, points={"people": 0}),
    Case("slow_drip", "an answer a byte at a time", {"people": _forged("import time\nline.sendall((1000).to_bytes(4, 'big'))\nwhile True:\n    try:\n        time.sleep(0.2)\n        line.sendall(b'x')\n    except KeyboardInterrupt:\n        pass")}, points={"people": 0}),
    Case("answers_for_ever", "a thread that answers for ever", {"last": HONEST["last"] + "\n" + _forged("import threading\ndef flood():\n    while True:\n        line.sendall(wire._HEAD if False else (5).to_bytes(4, 'big') + b'abcde')\nthreading.Thread(target=flood, daemon=True).start()")}, at_most={**FULL}),
    Case("forged_outputs", "outputs of kinds that no notebook has", {"people": HONEST["people"] + "\n" + _forged("def answer(self, told, ask=agent.Student.answer, protocol=protocol):\n    found = ask(self, told)\n    return found if type(found).__name__ != 'CellOutputs' else protocol.CellOutputs([{'output_type': 'execute_result', 'data': {'text/plain': 100, 7: 8}, 'metadata': {'a': 5}}, {'output_type': 'evil'}, 5, None, {'output_type': 'error', 'ename': 5}, {'output_type': 'stream', 'name': 'x', 'text': 5}])\nagent.Student.answer = answer")}),
    Case("active_html", "scripts, frames and loads in outputs", {"people": HONEST["people"] + "\nfrom IPython.display import HTML, Javascript, IFrame, SVG, Markdown, Latex, display\ndisplay(HTML('<script>alert(1)</script><img src=x onerror=alert(1)><b>kept</b><iframe src=//evil.example></iframe><a href=\"javascript:alert(1)\">x</a><style>@import \"//evil.example\"</style><form action=//evil.example><input></form>'))\ndisplay(Javascript('alert(1)'), SVG('<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"><script>alert(1)</script></svg>'), IFrame('//evil.example', 1, 1), Markdown('<img src=x onerror=alert(1)>'))\ndisplay({'text/html': '<svg/onload=alert(1)>', 'application/vnd.jupyter.widget-view+json': {'model_id': 'x'}, 'application/javascript': 'alert(1)', 'image/svg+xml': '<svg onload=alert(1)/>', 'text/latex': '\\\\href{javascript:alert(1)}{x}'}, raw=True)\nimport pandas as pd\ndisplay(pd.DataFrame({'kept_column': [1], '<script>alert(2)</script>': ['<img src=x onerror=alert(3)>']}).style.set_caption('<script>alert(1)</script>'))"},
         says=("kept",), never=("application/javascript", "image/svg+xml", "text/latex")),
    Case("caller", "look at the callers for what is expected", _with("import sys, inspect, gc\nframe, found = sys._getframe(), []\nwhile frame:\n    found += [v for k, v in frame.f_locals.items() if k in ('want', 'expected', 'right', 'test')]\n    frame = frame.f_back\nfound += [o for o in gc.get_objects() if isinstance(o, int) or type(o).__name__ == 'Step']\ntext = repr([inspect.stack()])\nprint(text)\nreturn found[0] if found else 0"), points={"people": 0}),
    Case("other_each_time", "another value on each call", {"people": "n = iter([2, 0, 0, 0])\ndef people(events):\n    return next(n)"}, points={"people": 0}),
    Case("guess_by_state", "count the calls of a hidden test", {"people": "import sys\nsys.calls = 0\ndef people(events):\n    sys.calls += 1\n    return sys.calls"}, points={"people": 0}),
    Case("ticks", "print what a passed test prints, and show a score", _with("print('✓ first\\n✓ second')\nfrom IPython.display import display\ndisplay(100)\nget_ipython().display_pub.publish({'text/plain': '100'})\nreturn 0", early="early = 8\nprint('3.0')\n100"), points={"early": 0, "people": 0}),
    Case("execute_result", "send an execute_result from a function", _with("ip = get_ipython()\nip.displayhook(100)\nimport sys\nsys.displayhook(100)\nreturn 0"), points={"people": 0}),
    Case("check_error", "raise the course's own errors", _with("from userops.check import CheckError\nraise CheckError('✓ all right', misconception='events')", last="from userops import check\ndef double(x):\n    s = check.Score(1)\n    with s.part(1):\n        pass\n    return s"), points={"people": 0, "last": 0}),
    Case("exits", "raise what ends a program", {"people": "def people(events):\n    raise SystemExit(0)", "table": "def per_day(events):\n    raise KeyboardInterrupt", "parts": "first = 11\nclass End(BaseException):\n    pass\ndef second(n, who):\n    raise End", "last": "def double(x):\n    raise GeneratorExit"}, points={"people": 0, "table": 0, "parts": 1, "last": 0}),
    Case("lying_error", "an error that lies about itself", _with("class E(Exception):\n    __class__ = property(lambda s: 1 / 0)\n    __str__ = lambda s: 1 / 0\n    __repr__ = lambda s: 5\n    args = property(lambda s: 1 / 0)\n    __traceback__ = None\nraise E", last="def double(x):\n    class E(AssertionError):\n        _render_traceback_ = lambda s: 1 / 0\n        __name__ = None\n    E.__name__ = 'x' * 10**6\n    E.__mro__\n    raise E('x' * 10**7)"), points={"people": 0, "last": 0}),
    Case("huge_error", "an error too large to be shown", _with("raise ValueError('x' * 30_000_000)", last="def double(x):\n    e = ValueError('x\\n' * 3_000_000)\n    e.__notes__ = ['n' * 10**6] * 30\n    raise e"), points={"people": 0, "last": 0}),
    Case("huge_trace", "the agent shows five megabytes of traceback, in place of an error", _with("raise ValueError", last=_forged("agent.Student.trace = lambda self: protocol.Trace(['x' * 100_000] * 200)\ndef double(x):\n    raise ValueError")), points={"people": 0, "last": 0}),
    Case("trace_bomb", "the agent dies while it shows a traceback", {"last": _forged("import os\nagent.Student.trace = lambda self: os._exit(0)\ndef double(x):\n    raise ValueError")}, points={"last": 0}),
    Case("name_error", "an undefined name of one's own making", _with("raise NameError(\"name 'check' is not defined\", name='check')", last="def double(x):\n    raise NotImplementedError"), points={"people": 0, "last": 0}),
    Case("restart_for_points", "die first and be right the second time", _with("import sys, os\nif not hasattr(sys, 'second'):\n    sys.second = 1\n    os._exit(0)\nreturn 4", early="import os, time\nearly = 8"), points={"early": 0, "people": 0}),
    Case("lists_of_references", "a message of a million references", {"early": "early = [print] * 1_000_000", "people": "def people(events):\n    return [object() for _ in range(200_000)]"}, points={"early": 0, "people": 0}, slow=60),
    Case("nested_references", "references inside one another, a thousand deep", {"early": _forged("packed = wire.encode(7)\nfor _ in range(3000):\n    packed = wire.encode(object(), lambda o: {'kind': 'value', 'value': packed})\n_take = agent.Student.take_snapshot\ndef take(self, place, names):\n    return protocol.SnapshotTaken({'early': packed}) if 'early' in names else _take(self, place, names)\nagent.Student.take_snapshot = take")}, points={"early": 0}),
    Case("remote_attributes", "an object whose attributes answer for ever", {"chart": "class Axes:\n    def __getattr__(self, name):\n        return self\n    def __call__(self, *a, **k):\n        return self\nax = Axes()"}, points={"chart": 0}),
    Case("forged_picture", "a chart described by hand", {"chart": _forged("import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nagent.Student._picture = lambda self, value: {'kind': 'picture', 'shown': wire.encode({'marks': [{'kind': 'bar', 'x': [None] * 10, 'y': ['x', {}, []]}] * 100, 'xlim': ['a', []], 'title': {'a': 1}, 'legend': 5})}")}, points={"chart": 0}),
]  # fmt: skip
