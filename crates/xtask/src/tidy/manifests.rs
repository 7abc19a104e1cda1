//! Which package may use which, and that each takes the lints of the workspace.
//!
//! The arrows of `docs/architecture.md` section 1: runtime -> tcb -> wire, `netem` and `netns`
//! beside them, the simulators on `tcb`, and everything else on top. Tests may use more than the
//! package they test.

use super::finding::Finding;
use super::packages::{Package, Purpose};
use super::project::Project;

/// What a package may be built from, of the packages of this project.
enum Reach {
    /// These folders only.
    Only(&'static [&'static str]),
    /// Everything but what stands at the top, see [`is_top`].
    Everything,
}

pub(super) fn look(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &project.packages {
        findings.extend(misnamed(package));
        findings.extend(without_lints(project, package));
        findings.extend(forbidden_edges(package, &project.packages));
    }
    findings
}

/// The package that users get is `synack`; every other is called after its folder.
fn misnamed(package: &Package) -> Option<Finding> {
    let room = package.folder.rsplit('/').next().unwrap_or_default();
    let name = match package.folder.as_str() {
        "crates/runtime" => "synack".to_owned(),
        _ => format!("synack-{room}"),
    };
    (package.name != name).then(|| {
        let message = format!("the package is called `{}` instead of `{name}`", package.name);
        Finding::about(&manifest(package), message)
    })
}

/// Without these two lines, the lints of the workspace do not hold in a package.
fn without_lints(project: &Project, package: &Package) -> Option<Finding> {
    let is_member = !package.folder.starts_with("tests/fuzz");
    let text = project.text(&manifest(package)).unwrap_or_default();
    let inherits = text.parse::<toml::Table>().is_ok_and(|table| {
        let lints = table.get("lints").and_then(|lints| lints.get("workspace"));
        lints.and_then(toml::Value::as_bool) == Some(true)
    });
    (is_member && !inherits)
        .then(|| Finding::about(&manifest(package), "the lints of the workspace are not inherited"))
}

fn forbidden_edges(package: &Package, all: &[Package]) -> Vec<Finding> {
    let Some(reach) = reach(&package.folder) else {
        let message = format!("docs/architecture.md knows no package in {}", package.folder);
        return vec![Finding::about(&manifest(package), message)];
    };
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let Some(used) = all.iter().find(|other| other.name == dependency.name) else { continue };
        let folder = used.folder.as_str();
        let is_allowed = match dependency.purpose {
            Purpose::Build => is_within(&reach, folder),
            Purpose::Test => is_within(&reach, folder) || is_within_for_tests(package, folder),
        };
        if !is_allowed {
            let message = format!("{} must not use {folder}", package.folder);
            findings.push(Finding::about(&manifest(package), message));
        }
    }
    findings
}

/// What the package in `folder` may be built from; `None` for a folder the layout does not know.
fn reach(folder: &str) -> Option<Reach> {
    let reach = match folder {
        "crates/wire" | "crates/netem" | "crates/netns" => Reach::Only(&[]),
        "crates/tcb" => Reach::Only(&["crates/wire"]),
        "crates/runtime" => Reach::Only(&["crates/wire", "crates/tcb", "crates/netem"]),
        "tests/sim" | "tests/simhost" => {
            Reach::Only(&["crates/wire", "crates/tcb", "crates/netem"])
        }
        "tests/packetdrill" => {
            Reach::Only(&["crates/wire", "crates/tcb", "crates/netem", "tests/simhost"])
        }
        "tests/fuzz" => Reach::Only(&["crates/wire", "crates/tcb", "crates/netem", "tests/sim"]),
        "crates/inspect" | "crates/xtask" | "examples" => Reach::Everything,
        _ if folder.starts_with("tests/") => Reach::Everything,
        _ => return None,
    };
    Some(reach)
}

fn is_within(reach: &Reach, folder: &str) -> bool {
    match reach {
        Reach::Only(folders) => folders.contains(&folder),
        Reach::Everything => !is_top(folder),
    }
}

/// Whether tests of `package` may use `folder` although the package may not.
///
/// `tcb` is tested by the simulator, which stands on `tcb` and no higher. From `runtime` upwards,
/// tests may use everything.
fn is_within_for_tests(package: &Package, folder: &str) -> bool {
    match package.folder.as_str() {
        "crates/wire" | "crates/netem" | "crates/netns" => false,
        "crates/tcb" => matches!(folder, "crates/netem" | "tests/sim"),
        _ => true,
    }
}

/// Whether the package in `folder` stands at the top: nothing may be built from it.
fn is_top(folder: &str) -> bool {
    match folder {
        "crates/inspect" | "crates/xtask" | "examples" => true,
        "tests/sim" | "tests/simhost" | "tests/stack" => false,
        _ => folder.starts_with("tests/"),
    }
}

fn manifest(package: &Package) -> String {
    format!("{}/Cargo.toml", package.folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::packages::Dependency;

    const INHERITS: &str = "[lints]\nworkspace = true\n";

    /// What is said of a project of these packages: folder, and what it uses for what.
    fn said(packages: &[(&str, &[(&str, Purpose)])]) -> Vec<String> {
        let manifests: Vec<(String, &str)> =
            packages.iter().map(|(folder, _)| (format!("{folder}/Cargo.toml"), INHERITS)).collect();
        let files: Vec<(&str, &str)> =
            manifests.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let mut project = Project::of(&files);
        project.packages = packages.iter().map(|(folder, uses)| package(folder, uses)).collect();
        look(&project).iter().map(Finding::to_string).collect()
    }

    fn package(folder: &str, uses: &[(&str, Purpose)]) -> Package {
        let dependencies = uses
            .iter()
            .map(|(folder, purpose)| Dependency { name: name(folder), purpose: *purpose })
            .collect();
        Package { name: name(folder), folder: folder.to_owned(), dependencies }
    }

    fn name(folder: &str) -> String {
        match folder.rsplit('/').next().unwrap() {
            "runtime" => "synack".to_owned(),
            room => format!("synack-{room}"),
        }
    }

    #[test]
    fn arrows_that_point_down_are_allowed() {
        let packages: [(&str, &[(&str, Purpose)]); 6] = [
            ("crates/wire", &[]),
            ("crates/tcb", &[("crates/wire", Purpose::Build), ("tests/sim", Purpose::Test)]),
            ("crates/runtime", &[("crates/tcb", Purpose::Build), ("tests/stack", Purpose::Test)]),
            ("tests/sim", &[("crates/tcb", Purpose::Build)]),
            ("tests/bench", &[("tests/sim", Purpose::Build), ("tests/stack", Purpose::Build)]),
            ("tests/stack", &[("crates/runtime", Purpose::Build)]),
        ];
        assert_eq!(said(&packages), Vec::<String>::new());
    }

    #[test]
    fn arrows_that_point_up_are_found() {
        // Each row: who uses what for what, and why that is wrong.
        let rows = [
            ("crates/wire", "crates/tcb", Purpose::Build), // wire knows no connection
            ("crates/tcb", "crates/runtime", Purpose::Build), // tcb knows no runtime
            ("crates/tcb", "crates/runtime", Purpose::Test), // nor do its tests
            ("crates/runtime", "crates/netns", Purpose::Build), // namespaces are for tests
            ("crates/netem", "crates/wire", Purpose::Build), // netem knows bytes and time only
            ("tests/sim", "crates/runtime", Purpose::Build), // the simulator never sees tokio
            ("crates/runtime", "tests/sim", Purpose::Build), // users do not get tests
            ("tests/stack", "tests/bench", Purpose::Build), // nothing is built from the benches
            ("crates/inspect", "crates/xtask", Purpose::Build), // nor from the chores
        ];
        for (user, used, purpose) in rows {
            let said = said(&[(user, &[(used, purpose)]), (used, &[])]);
            assert_eq!(said, [format!("{user}/Cargo.toml: {user} must not use {used}")]);
        }
    }

    #[test]
    fn a_package_the_layout_does_not_know_is_found() {
        let said = said(&[("crates/extra", &[])]);
        assert_eq!(
            said,
            ["crates/extra/Cargo.toml: docs/architecture.md knows no package in crates/extra"]
        );
    }

    #[test]
    fn a_package_not_called_after_its_folder_is_found() {
        let mut project = Project::of(&[("crates/wire/Cargo.toml", INHERITS)]);
        project.packages = vec![package("crates/wire", &[])];
        project.packages[0].name = "wire".to_owned();
        assert_eq!(look(&project).len(), 1);
    }

    #[test]
    fn a_package_without_the_lints_of_the_workspace_is_found() {
        for manifest in
            ["", "[lints]\nworkspace = false\n", "[lints.rust]\nmissing_docs = \"warn\"\n"]
        {
            let mut project = Project::of(&[("crates/wire/Cargo.toml", manifest)]);
            project.packages = vec![package("crates/wire", &[])];
            let expected = "the lints of the workspace are not inherited";
            assert_eq!(look(&project), [Finding::about("crates/wire/Cargo.toml", expected)]);
        }
    }
}
