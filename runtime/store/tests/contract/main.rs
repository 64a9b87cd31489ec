//! The contract of `core::Store`, as every implementation must keep it.

mod support;

mod around;
mod checkpoint;
mod claim;
mod docs;
mod journal;
mod list;
mod log;
mod retention;
mod submit;

/// Makes a test of each case for each store.
macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&errand_store::MemoryStore::new()).await;
            })+
        }
        mod sled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let dir = tempfile::tempdir().expect("a temporary directory");
                let options = errand_store::SledOptions::default();
                let store = errand_store::SledStore::open(dir.path(), options).expect("a store");
                super::$name(&store).await;
                assert_eq!(store.verify().await.expect("it can be read"), []);
                store.close().await.expect("it can be closed");
            })+
        }
    };
}
pub(crate) use cases;
