//! `errand run`: requests go where `--allow-http` says, and a refusal says that.

use super::run_python::Script;
use crate::harness::{Peer, shell};

const ASK: &str = "
import errand, sys
r = errand.http('GET', sys.argv[1])
print(r.status, r.text)
";

#[test]
fn a_program_asks_whom_it_may_and_nobody_else() {
    let peer = Peer::saying("here");
    let other = Peer::saying("there");
    let script = Script::new(ASK);
    let run = |flags: &[&str], url: &str| shell::run(&mut script.command(flags, &[url]));
    let (url, elsewhere) = (peer.url(), other.url());
    let allowed = run(&["--allow-http", &url], &url).expect(0);
    assert_eq!(allowed.stdout, "200 here\n");
    // Nothing is allowed; something else is.
    for flags in [&[][..], &["--allow-http", url.as_str()]] {
        let refused = run(flags, &elsewhere).expect(1);
        assert!(refused.stderr.contains("errand.Denied"), "{}", refused.stderr);
        let hint = format!("`--allow-http {elsewhere}` allows");
        assert!(refused.stderr.contains(&hint), "{}", refused.stderr);
    }
    assert_eq!((peer.seen().len(), other.seen().len()), (1, 0));
}
