//! Shows what is found missing, and what the page says of it, by ledgers of a contract of a few
//! rows, each with one thing wrong.

use super::*;
use crate::compliance::{citations, page, proofs};
use crate::tree::project::Project;

const CONTRACT: &str = "\
## 1. RFC 9293
| id | requirement | source | level | checked |
|---|---|---|---|---|
| MUST-1 | This. | RFC | MUST | text |
| MUST-2 | That. | RFC | MUST NOT | text |
## 2. Other
| id | requirement | source | level | checked |
|---|---|---|---|---|
| WS-1 | More. | RFC | SHOULD | text |
## 3. More (optional)
| id | requirement | source | level | checked |
|---|---|---|---|---|
| TFO-1 | More. | RFC | MUST | text |
";

const CODE: &str = "/// Does MUST-1, MUST-2.\nfn f() {}\n";
const TESTS: &str = "#[test]\nfn must_1_is_so() {}\n#[test]\nfn must_2_is_so() {}\n";
const REMARKS: &str = "rfc_9293 = [\"MUST-2\", \"MUST-1\"]\noptional_built = []\n";

/// The findings on this tree, and its page.
fn look(code: &str, tests: &str, remarks: &str) -> (Vec<String>, String) {
    let project = Project::of(&[
        ("docs/requirements.md", CONTRACT),
        ("docs/state-machine.md", ""),
        (remarks::PATH, remarks),
        ("crates/tcb/src/a.rs", code),
        ("crates/tcb/tests/b.rs", tests),
    ]);
    let contract = Contract::read(&project).unwrap();
    let remarks = Remarks::read(&project).unwrap();
    let mut findings = Vec::new();
    let citations = citations::collect(&project, &contract.ids, &mut findings);
    let proofs = proofs::collect(&project, &contract.ids, &mut findings);
    let ledger = Ledger::new(&contract, &remarks, citations, &proofs, &mut findings);
    (findings.iter().map(ToString::to_string).collect(), page::page(&ledger))
}

#[test]
fn a_tree_that_shows_every_must_has_nothing_wrong() {
    let (findings, page) = look(CODE, TESTS, REMARKS);
    assert_eq!(findings, [""; 0]);
    let lines: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| MUST-") || line.contains("WS-1")).collect();
    let expected = [
        "| MUST-2 | MUST NOT | crates/tcb/src/a.rs: `f` | crates/tcb/tests/b.rs: `must_2_is_so` |",
        "| MUST-1 | MUST | crates/tcb/src/a.rs: `f` | crates/tcb/tests/b.rs: `must_1_is_so` |",
        "| WS-1 | SHOULD | **not told** |  |",
    ];
    assert_eq!(lines, expected);
    assert!(page.contains("| MUST NOT | 1 | 1 | 0 | 0 | 0 |"), "{page}");
    assert!(!page.contains("TFO-1"), "what is optional and not built is left out");
}

#[test]
fn what_is_wrong_is_found() {
    let one_test = "#[test]\nfn must_1_is_so() {}\n";
    let ignored = "#[test]\n#[ignore = \"long\"]\nfn must_2_is_so() {}\n";
    // Each row: the tests, what is put behind the remarks, and what is found.
    let rows = [
        (one_test.to_owned(), "", "no test shows MUST-2 (MUST NOT)"),
        (format!("{one_test}{ignored}"), "", "no test shows MUST-2 (MUST NOT)"),
        (TESTS.to_owned(), "[not_done]\nWS-9 = \"so\"\n", "there is no row WS-9"),
        (TESTS.to_owned(), "[not_done]\nMUST-2 = \"so\"\n", "called not done"),
        (TESTS.to_owned(), "[shown]\nWS-1 = [\"c\"]\n", "there is no test `c` to show WS-1"),
        (
            format!("{TESTS}#[test]\n#[ignore = \"long\"]\nfn c() {{}}\n"),
            "[shown]\nWS-1 = [\"c\"]\n",
            "`c`, of WS-1, does not run",
        ),
        (format!("{TESTS}#[test]\nfn ws_9_is_so() {{}}\n"), "", "after WS-9, which is no row"),
    ];
    for (tests, remarks, said) in rows {
        let (findings, _) = look(CODE, &tests, &format!("{REMARKS}{remarks}"));
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].contains(said), "{findings:?}");
    }
}

#[test]
fn an_optional_group_that_is_built_is_told_of() {
    let remarks = REMARKS.replace("optional_built = []", "optional_built = [\"3\"]");
    assert!(look(CODE, TESTS, &remarks).0[0].contains("no test shows TFO-1"));
    let remarks = REMARKS.replace("optional_built = []", "optional_built = [\"2\"]");
    assert!(look(CODE, TESTS, &remarks).0[0].contains("section 2 is not optional"));
}

#[test]
fn remarks_tell_what_comments_and_names_do_not() {
    let tests = format!("{TESTS}#[test]\nfn c() {{}}\n");
    let remarks = format!("{REMARKS}[shown]\nWS-1 = [\"c\"]\n[done]\nWS-1 = \"the docs\"\n");
    let (findings, page) = look(CODE, &tests, &remarks);
    assert_eq!(findings, [""; 0]);
    assert!(page.contains("| WS-1 | SHOULD | the docs | crates/tcb/tests/b.rs: `c` |"), "{page}");
    let remarks = format!("{REMARKS}[not_done]\nWS-1 = \"nobody asked\"\n");
    let page = look(CODE, TESTS, &remarks).1;
    assert!(page.contains("| WS-1 | SHOULD | not done: nobody asked |  |"), "{page}");
}
