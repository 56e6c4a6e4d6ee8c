//! One plan follows another while the host runs.

use crate::deploy::Reading;
use crate::distribution::Builder;
use crate::pipeline::testing::{Answer, Host, Origin};
use std::sync::Arc;

#[tokio::test]
async fn the_plan_of_the_start_is_freed_when_another_is_taken() {
    let origin = Origin::new();
    origin.on("/a").answers(Answer::ok("one").max_age(60));
    let host = Host::before(&origin).start();
    host.get("/a").await.expect(200);
    let first = Arc::downgrade(&host.edge().plan());
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("distributions")).unwrap();
    std::fs::write(dir.path().join("selvedge.toml"), "").unwrap();
    let text = "id = \"other\"\n[[origins]]\nid = \"main\"\ndomain = \"o.test\"\n\
                [default_behavior]\norigin = \"main\"\n";
    std::fs::write(dir.path().join("distributions/other.toml"), text).unwrap();
    let builder = Builder::for_checking(host.edge().runtime().clone());
    let plan = Reading::files(dir.path()).first_plan(&builder).unwrap();
    host.edge().take(Arc::new(plan));
    assert!(first.upgrade().is_none());
}
