//! `errand run FILE.py`: the program's output, input and exit code are this command's.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::harness::shared;
use crate::harness::shell::{self, Ran};

/// A program in a file.
pub(super) struct Script(TempDir);

impl Script {
    pub(super) fn new(code: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        std::fs::write(directory.path().join("program.py"), code).expect("it can be written");
        Self(directory)
    }

    /// Calls `errand run FLAGS program.py ARGS`, beside the server's compiled executors.
    pub(super) fn command(&self, flags: &[&str], args: &[&str]) -> Command {
        // Uploading it has compiled it, and a local run looks in the same place.
        shared::python();
        let mut command = shared::server().command(&["run"]);
        command.args(flags).arg("program.py").args(args).current_dir(self.0.path());
        command
    }

    /// The directory that it lies in.
    pub(super) fn directory(&self) -> &std::path::Path {
        self.0.path()
    }

    pub(super) fn run(&self) -> Ran {
        shell::run(&mut self.command(&[], &[]))
    }
}

#[test]
fn a_program_prints_and_ends_as_python_does() {
    let ran = Script::new("import sys\nprint('out')\nprint('err', file=sys.stderr)").run();
    let ran = ran.expect(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\n", "err\n"));
}

#[test]
fn arguments_after_the_file_are_the_programs_own() {
    let script = Script::new("import sys\nprint(sys.argv[1:])");
    let args = ["a", "b c", "--help", "--fuel", "-", "--"];
    let out = shell::run(&mut script.command(&[], &args)).ok();
    assert_eq!(out, "['a', 'b c', '--help', '--fuel', '-', '--']\n");
}

#[test]
fn standard_input_is_read_when_the_program_asks_for_it() {
    let script = Script::new(
        "import sys\nprint('ready', flush=True)\nfor line in sys.stdin: print('got', line, end='', flush=True)",
    );
    let mut child = script
        .command(&[], &[])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("it is piped");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut next = || lines.next().expect("a line comes").expect("it is text");
    // Each answer comes before the next line is sent: nothing waits for the end of the input.
    assert_eq!(next(), "ready");
    for word in ["one", "two"] {
        writeln!(input, "{word}").expect("it reads");
        assert_eq!(next(), format!("got {word}"));
    }
    drop(input);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_program_that_does_not_read_does_not_wait_for_input() {
    let script = Script::new("print('done')");
    // The writing end stays open until the program has ended.
    let mut child = script
        .command(&[], &[])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let input = child.stdin.take();
    assert!(child.wait().expect("it ends").success());
    drop(input);
}

#[test]
fn an_exit_code_is_passed_through_in_silence() {
    for (code, end) in [(3, "sys.exit(3)"), (0, "sys.exit()"), (255, "sys.exit(255)")] {
        let ran = Script::new(&format!("import sys\n{end}")).run().expect(code);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    }
    let ran = Script::new("import sys\nsys.exit('no luck')").run().expect(1);
    assert_eq!(ran.stderr, "no luck\n");
}

#[test]
fn an_exception_shows_its_traceback_with_the_file_and_nothing_of_ours() {
    let ran = Script::new("def divide():\n    return 1 / 0\ndivide()").run().expect(1);
    assert!(ran.stderr.starts_with("Traceback (most recent call last):\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("program.py\", line 3, in <module>"), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("ZeroDivisionError: division by zero\n"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("errand_python"), "{}", ran.stderr);
}

#[test]
fn a_syntax_error_shows_where_it_is() {
    let ran = Script::new("print(1)\nx = = 2\n").run().expect(1);
    assert_eq!(ran.stdout, "", "nothing of the program has run");
    for part in ["program.py\", line 2", "x = = 2", "^", "SyntaxError"] {
        assert!(ran.stderr.contains(part), "{part:?} is not in: {}", ran.stderr);
    }
}

#[test]
fn a_program_sees_nothing_of_this_machine() {
    let out = Script::new(
        "import os, socket, subprocess, sys
print(os.getcwd(), os.listdir('.'))
print(dict(os.environ))
for attempt in (
    lambda: open('/etc/passwd'),
    lambda: open('../../../../etc/passwd'),
    lambda: subprocess.run(['ls']),
    lambda: socket.create_connection(('127.0.0.1', 80)),
):
    try:
        attempt()
        print('it could')
    except OSError as error:
        print('refused')
",
    )
    .run()
    .ok();
    assert_eq!(out, "/workspace ['program.py']\n{}\nrefused\nrefused\nrefused\nrefused\n");
}

#[test]
fn what_a_program_writes_stays_in_its_sandbox() {
    let script = Script::new("open('out.txt', 'w').write('x')\nprint(open('out.txt').read())");
    assert_eq!(script.run().ok(), "x\n");
    let left: Vec<_> = std::fs::read_dir(script.0.path()).expect("it is there").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn chance_and_time_differ_from_run_to_run() {
    let script = Script::new("import random, time\nprint(random.random(), time.time())");
    let (first, second) = (script.run().ok(), script.run().ok());
    let times: Vec<f64> = [&first, &second]
        .iter()
        .map(|line| line.split_whitespace().nth(1).expect("two").parse().expect("a number"))
        .collect();
    assert_ne!(first.split(' ').next(), second.split(' ').next());
    assert!(times[0] < times[1], "{times:?}");
    assert!(times[0] > 1.7e9, "it is the present: {times:?}");
}

#[test]
fn a_reader_that_goes_away_ends_the_program_in_silence() {
    let script = Script::new("for n in range(10_000_000): print(n)");
    let mut child = script
        .command(&[], &[])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut first).expect("text");
    assert_eq!(first, "0\n");
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    assert_eq!(ended.status.code(), Some(141), "128 + SIGPIPE");
}

#[test]
fn output_that_can_not_be_written_is_not_lost_in_silence() {
    let script = Script::new("print('precious')");
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let child = script
        .command(&[], &[])
        .stdin(Stdio::null())
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(125));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("No space left"), "{said:?}");
}

#[test]
fn files_have_the_guests_times_and_no_identity_of_the_hosts() {
    let code = "
import os, sys, time
began = time.time()
os.chdir('/workspace')
open('a', 'w').write('a'); os.mkdir('d'); open('b', 'w').close()
stat = os.stat('a')
assert began - 0.01 <= stat.st_mtime <= time.time(), (began, stat, time.time())
assert stat.st_mtime <= os.stat('.').st_mtime <= time.time()
time.sleep(2)
os.rename('b', 'd/b'); open('a', 'a').write('more')
assert os.stat('a').st_mtime >= began + 2 and os.stat('d').st_mtime >= began + 2
assert os.stat('d/b').st_mtime < began + 1 < os.stat('d/b').st_ctime
os.utime('a', (5, 6.5))
assert (os.stat('a').st_atime, os.stat('a').st_mtime) == (5, 6.5)
os.link('a', 'l')
assert os.path.samefile('a', 'l') and not os.path.samefile('a', 'd/b') and os.stat('a').st_nlink == 2
first = os.stat('a').st_ino, os.stat('d').st_ino, os.stat('d/b').st_ino
os.remove('a'); os.remove('l'); open('a', 'w').close()
open('new_module.py', 'w').write('x = 1')
sys.path.insert(0, '.')
import new_module
open('newer_module.py', 'w').write('x = 2')
import newer_module
print(first, os.stat('a').st_ino)
";
    let (one, other) = (Script::new(code), Script::new(code));
    let said = one.run().ok();
    assert_eq!(said, other.run().ok(), "another run meets the same files");
}

#[test]
fn a_program_goes_on_from_its_checkpoints_with_its_files_and_its_input() {
    let script = Script::new(
        "import errand, sys
n = int(errand.restored() or 0)
print('leg', n, end=';')
open('log', 'a').write(f'{n}\\n')
print(sys.stdin.readline().strip(), flush=True)
if n < 3:
    errand.checkpoint(b'%d' % (n + 1))
print(open('log').read().split())
",
    );
    std::fs::write(script.directory().join("here"), "here").expect("it can be written");
    let mut command = script.command(&["--workspace", ".", "--diff"], &[]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let input = child.stdin.take();
    input.as_ref().expect("it is piped").write_all(b"a\n").expect("it reads");
    drop(input);
    let ended = child.wait_with_output().expect("it ends");
    assert!(ended.status.success());
    let out = String::from_utf8(ended.stdout).expect("it is text");
    let legs = "leg 0;a\nleg 1;\nleg 2;\nleg 3;\n['0', '1', '2', '3']\n";
    let diff = "diff --git a/log b/log\nnew file mode 100644\n--- /dev/null\n+++ b/log\n@@ -0,0 +1,4 @@\n+0\n+1\n+2\n+3\n";
    assert_eq!(out, format!("{legs}{diff}"));
}
