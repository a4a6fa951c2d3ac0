//! A program that runs beside a test, and the lines that it says.
#![allow(dead_code)] // every test program uses its own part

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// The longest that a test waits for a line or for the end.
const LIMIT: Duration = Duration::from_secs(60);

/// A running program; killed with the value.
pub(crate) struct Program {
    process: Child,
    lines: mpsc::Receiver<String>,
    /// What was read of them.
    log: Vec<String>,
}

impl Program {
    /// Starts a program that is given nothing to read.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_reading(command, Stdio::null())
    }

    /// Runs a line of a shell at a terminal of its own, so that it takes [keys](Self::press).
    #[track_caller]
    pub(crate) fn at_a_terminal(line: &str) -> Self {
        let mut command = Command::new("script");
        command.args(["-qefc", line, "/dev/null"]);
        Self::start_reading(&mut command, Stdio::piped())
    }

    #[track_caller]
    fn start_reading(command: &mut Command, stdin: Stdio) -> Self {
        let command = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let (sender, lines) = mpsc::channel();
        let stdout = process.stdout.take().expect("it is piped");
        let stderr = process.stderr.take().expect("it is piped");
        let pipes: [Box<dyn Read + Send>; 2] = [Box::new(stdout), Box::new(stderr)];
        for pipe in pipes {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    if sender.send(without_colours(&line)).is_err() {
                        return;
                    }
                }
            });
        }
        Self {
            process,
            lines,
            log: Vec::new(),
        }
    }

    /// `gst-launch-1.0 -v` with the pipeline, and the plugin from `GST_PLUGIN_PATH`.
    #[track_caller]
    pub(crate) fn gst_launch(pipeline: &str) -> Self {
        Self::start(&mut gst_launch(pipeline))
    }

    /// The same, and everything that there is to log.
    #[track_caller]
    pub(crate) fn gst_launch_logging_all(pipeline: &str) -> Self {
        Self::start(gst_launch(pipeline).env("GST_DEBUG", "*:9"))
    }

    /// Presses a key at its terminal.
    #[track_caller]
    pub(crate) fn press(&mut self, key: &str) {
        let stdin = self.process.stdin.as_mut().expect("it has a terminal");
        stdin.write_all(key.as_bytes()).expect("it runs");
    }

    /// Sends what Ctrl-C in a terminal sends.
    #[track_caller]
    pub(crate) fn interrupt(&self) {
        let kill = format!("kill -INT {}", self.process.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.is_ok_and(|status| status.success()));
    }

    /// Kills it, and tells all that it said.
    pub(crate) fn stop(mut self) -> Vec<String> {
        // It may have ended.
        let _ = self.process.kill();
        self.end().1
    }

    /// The first line that `wanted` takes, of those that come from now on.
    #[track_caller]
    pub(crate) fn line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        self.next(wanted, "what was waited for")
    }

    /// The first line that contains `text`, of those that come from now on.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        self.next(|line| line.contains(text), text)
    }

    /// As [`Self::wait_for`], and lines that were read before count too.
    #[track_caller]
    pub(crate) fn has_said(&mut self, text: &str) {
        if !self.log.iter().any(|line| line.contains(text)) {
            self.wait_for(text);
        }
    }

    /// Its end, and all that it said.
    #[track_caller]
    pub(crate) fn end(mut self) -> (ExitStatus, Vec<String>) {
        // The pipes close with the program.
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.log.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("it does not end:\n{}", self.log.join("\n"))
                }
            }
        }
        let status = self.process.wait().expect("it was started");
        (status, std::mem::take(&mut self.log))
    }

    /// Its end, which must be a success, and all that it said.
    #[track_caller]
    pub(crate) fn ends_well(self) -> Vec<String> {
        let (status, log) = self.end();
        assert!(status.success(), "{status}:\n{}", log.join("\n"));
        log
    }

    #[track_caller]
    fn next(&mut self, wanted: impl Fn(&str) -> bool, called: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("{called:?} did not come:\n{}", self.log.join("\n"));
            };
            self.log.push(line.clone());
            if wanted(&line) {
                return line;
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The command of [`Program::gst_launch`].
pub(crate) fn gst_launch(pipeline: &str) -> Command {
    let mut command = Command::new("gst-launch-1.0");
    command.arg("-v").args(pipeline.split_whitespace());
    command
}

/// The line without its terminal escape sequences.
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}
