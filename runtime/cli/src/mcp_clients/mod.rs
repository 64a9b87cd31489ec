//! The programs that agents run in, and how each is told of an MCP server: where its configuration lies, and
//! what an entry looks like in it.
//!
//! A file that is there keeps all that is not the entry: order, spacing, comments.

mod json;
mod toml;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Value, json};

/// A program that agents run in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum McpClient {
    ClaudeCode,
    ClaudeDesktop,
    Cursor,
    Windsurf,
    Vscode,
    Gemini,
    Antigravity,
    Codex,
    Opencode,
}

/// What an entry says: what to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
}

/// Where directories of this user and project are.
pub(crate) struct Places {
    pub(crate) home: PathBuf,
    pub(crate) project: PathBuf,
    pub(crate) is_macos: bool,
}

/// Why an entry could not be put into a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    /// What is there is not understood, and so is left as it is.
    #[error("understand it: {0}")]
    NotUnderstood(String),
    /// Where the entry belongs is something else.
    #[error("`{0}` is no table of servers in it")]
    NoTable(String),
}

impl McpClient {
    /// Returns the user's own configuration file.
    pub(crate) fn user_file(self, places: &Places) -> PathBuf {
        let home = &places.home;
        let settings =
            |linux: &str, macos: &str| home.join(if places.is_macos { macos } else { linux });
        match self {
            Self::ClaudeCode => home.join(".claude.json"),
            Self::ClaudeDesktop => settings(
                ".config/Claude/claude_desktop_config.json",
                "Library/Application Support/Claude/claude_desktop_config.json",
            ),
            Self::Cursor => home.join(".cursor/mcp.json"),
            Self::Windsurf => home.join(".codeium/windsurf/mcp_config.json"),
            Self::Vscode => settings(
                ".config/Code/User/mcp.json",
                "Library/Application Support/Code/User/mcp.json",
            ),
            Self::Gemini => home.join(".gemini/settings.json"),
            Self::Antigravity => home.join(".gemini/antigravity/mcp_config.json"),
            Self::Codex => home.join(".codex/config.toml"),
            Self::Opencode => home.join(".config/opencode/opencode.json"),
        }
    }

    /// Returns the configuration file of the project, where the client has one.
    pub(crate) fn project_file(self, places: &Places) -> Option<PathBuf> {
        let name = match self {
            Self::ClaudeCode => ".mcp.json",
            Self::Cursor => ".cursor/mcp.json",
            Self::Vscode => ".vscode/mcp.json",
            Self::Gemini => ".gemini/settings.json",
            Self::Codex => ".codex/config.toml",
            Self::Opencode => "opencode.json",
            Self::ClaudeDesktop | Self::Windsurf | Self::Antigravity => return None,
        };
        Some(places.project.join(name))
    }

    /// Puts the entry into the text of a file, and returns the text that it is to have.
    ///
    /// # Errors
    /// Where the file is not understood.
    pub(crate) fn put(self, text: &str, entry: &Entry) -> Result<String, InstallError> {
        match self {
            Self::Codex => toml::put(text, "mcp_servers", entry),
            _ => json::put(text, self.table(), &entry.name, &self.value(entry)),
        }
    }

    fn table(self) -> &'static str {
        match self {
            Self::Vscode => "servers",
            Self::Opencode => "mcp",
            _ => "mcpServers",
        }
    }

    fn value(self, entry: &Entry) -> Value {
        let Entry { command, args, .. } = entry;
        match self {
            Self::Opencode => {
                let whole: Vec<&String> = std::iter::once(command).chain(args).collect();
                json!({"type": "local", "command": whole, "enabled": true})
            }
            Self::ClaudeCode | Self::Vscode => {
                json!({"type": "stdio", "command": command, "args": args})
            }
            _ => json!({"command": command, "args": args}),
        }
    }
}

/// Says where a file is, for a person: from the home directory on where it lies there.
pub(crate) fn shown(path: &Path, places: &Places) -> String {
    match path.strip_prefix(&places.home) {
        Ok(rest) => format!("~/{}", rest.display()),
        Err(_) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            name: "errand".into(),
            command: "/usr/bin/errand".into(),
            args: vec!["mcp".into(), "--data".into(), "/d \"q\"".into()],
        }
    }

    #[test]
    fn an_empty_file_gets_the_entry_and_a_second_time_changes_nothing() {
        for client in McpClient::value_variants() {
            let once = client.put("", &entry()).unwrap();
            assert!(once.contains("/usr/bin/errand") && once.ends_with('\n'), "{client:?}: {once}");
            assert_eq!(client.put(&once, &entry()).unwrap(), once, "{client:?}");
        }
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let text = "{\n  // mine\n  \"theme\": \"dark\",\n  \"servers\": {\n    \"other\": {\"command\": \"x\"}, // keep\n  },\n}\n";
        let put = McpClient::Vscode.put(text, &entry()).unwrap();
        for part in ["// mine", "\"theme\": \"dark\"", "\"other\": {\"command\": \"x\"}, // keep"] {
            assert!(put.contains(part), "{part} is not in {put}");
        }
        let moved = Entry { command: "/opt/errand".into(), ..entry() };
        let again = McpClient::Vscode.put(&put, &moved).unwrap();
        assert!(again.contains("/opt/errand") && !again.contains("/usr/bin/errand"), "{again}");
        assert_eq!(again.matches("\"errand\"").count(), 1);

        let text = "# mine\nmodel = \"o\" # keep\n\n[mcp_servers.other]\ncommand = \"x\"\n";
        let put = McpClient::Codex.put(text, &entry()).unwrap();
        assert!(put.starts_with(text), "{put}");
        assert!(put.contains("[mcp_servers.errand]\ncommand = \"/usr/bin/errand\"\n"), "{put}");
    }

    #[test]
    fn a_file_that_is_not_understood_is_refused() {
        for (client, text) in [
            (McpClient::Cursor, "{\"mcpServers\": "),
            (McpClient::Cursor, "[1]"),
            (McpClient::Cursor, "{\"mcpServers\": 7}"),
            (McpClient::Codex, "[mcp_servers"),
            (McpClient::Codex, "mcp_servers = 7"),
        ] {
            assert!(client.put(text, &entry()).is_err(), "{client:?}: {text}");
        }
    }
}
