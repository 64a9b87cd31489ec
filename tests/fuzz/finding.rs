//! What must not happen: a panic, a hang, an answer that is none.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Target;
use super::harness::release_dir;

/// What one input may take. Each is some kilobytes and takes milliseconds; a busy machine is slower.
const PATIENCE: Duration = Duration::from_secs(60);

/// What went wrong with an input.
#[derive(Debug)]
pub(crate) struct Finding(pub(crate) String);

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Tries an input, and makes findings of panics and of what took too long.
///
/// What never ends is found by a second thread, which keeps the input and ends the process.
pub(crate) fn watched(target: &mut dyn Target, input: &[u8]) -> Result<String, Finding> {
    let watch = Watch::begin(target.name(), input);
    let begun = Instant::now();
    let attempt = catch_unwind(AssertUnwindSafe(|| target.attempt(input)));
    drop(watch);
    match attempt {
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(Finding(format!("it panicked: {}", text.unwrap_or("without a word"))))
        }
        Ok(_) if begun.elapsed() > PATIENCE => {
            Err(Finding(format!("it took {:?}", begun.elapsed())))
        }
        Ok(result) => result,
    }
}

/// Keeps a failing input, and says where.
pub(crate) fn saved(target: &str, input: &[u8]) -> PathBuf {
    let directory = release_dir().join("../fuzz");
    let name = format!("{target}-{}", &blake3::hash(input).to_hex()[..16]);
    let path = directory.join(name);
    let written = std::fs::create_dir_all(&directory).and_then(|()| std::fs::write(&path, input));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path.canonicalize().unwrap_or(path)
}

/// An input that is being tried.
struct Watch(Arc<Mutex<bool>>);

impl Watch {
    fn begin(target: &'static str, input: &[u8]) -> Self {
        let ended = Arc::new(Mutex::new(false));
        watcher::next(target, input, ended.clone());
        Self(ended)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(|poison| poison.into_inner()) = true;
    }
}

/// One thread for all inputs: starting one for each would cost more than most inputs do.
mod watcher {
    use super::{Arc, Duration, Mutex, PATIENCE, Path, saved};
    use std::sync::LazyLock;
    use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

    struct Watched {
        target: &'static str,
        input: Vec<u8>,
        ended: Arc<Mutex<bool>>,
    }

    static INPUTS: LazyLock<Sender<Watched>> = LazyLock::new(|| {
        let (sender, receiver) = channel();
        std::thread::spawn(move || watch(&receiver));
        sender
    });

    pub(super) fn next(target: &'static str, input: &[u8], ended: Arc<Mutex<bool>>) {
        let watched = Watched { target, input: input.to_vec(), ended };
        INPUTS.send(watched).expect("the watcher lives as long as the process");
    }

    fn watch(inputs: &Receiver<Watched>) {
        let mut current: Option<Watched> = None;
        // Twice its patience: what merely took long says so itself.
        let patience: Duration = PATIENCE * 2;
        loop {
            match inputs.recv_timeout(patience) {
                Ok(next) => current = Some(next),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    let Some(Watched { target, input, ended }) = &current else { continue };
                    if *ended.lock().unwrap_or_else(|poison| poison.into_inner()) {
                        continue;
                    }
                    let path = saved(target, input);
                    hung(target, &path);
                }
            }
        }
    }

    fn hung(target: &str, path: &Path) -> ! {
        eprintln!(
            "{target}: it does not end\n  the input: {path}\n  again: FUZZ_TARGET={target} \
             FUZZ_REPLAY={path} make fuzz",
            path = path.display()
        );
        std::process::exit(1);
    }
}
