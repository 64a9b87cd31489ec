//! A question with everything that one can have, for tests.

use errand_core::UnixMillis;
use serde_json::json;

use super::{ApprovalStatus, ApprovalView, AttachmentView};

pub(crate) const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// A question with everything that one can have.
pub(crate) fn rich() -> ApprovalView {
    ApprovalView {
        id: "01KAS4QZ8N3V6T1M9XH2YB7C5D".to_owned(),
        task_id: "01KAS4PW2E8R5J0K7FGT3AQ9ZB".to_owned(),
        executor: "deploy-service@3".to_owned(),
        asked_at: UnixMillis(NOW.0 - 7 * 60_000),
        title: "Deploy checkout 4.12.0 to production?".to_owned(),
        detail_markdown: include_str!("example.md").to_owned(),
        schema: Some(json!({
            "type": "object",
            "properties": {
                "environment": {"type": "string", "enum": ["staging", "production"], "default": "production"},
                "replicas": {"type": "integer", "minimum": 1, "maximum": 12, "default": 4,
                    "description": "How many instances run at the end."},
                "region": {"type": "string", "enum": [
                    "europe-west1", "europe-west4", "us-central1", "us-east1", "asia-east1", "asia-south1"
                ]},
                "notify": {"type": "array", "title": "Tell these channels",
                    "items": {"type": "string", "enum": ["#releases", "#on-call", "#support"]},
                    "default": ["#releases"]},
                "ticket": {"type": "string", "pattern": "^OPS-[0-9]+$", "title": "Change ticket"},
                "backup_taken": {"type": "boolean", "title": "I took a backup of the orders table"},
                "window": {"type": "object", "title": "Maintenance window", "properties": {
                    "from": {"type": "string", "format": "date-time"},
                    "minutes": {"type": "integer", "minimum": 5, "maximum": 120}
                }}
            },
            "required": ["environment", "replicas", "ticket", "backup_taken"]
        })),
        digest: "b3:7d1f0a9c5e2b84f6d3a1c0e97b5f8264a1d3c9e0f7b26584c1d0e9a3b7f52684".to_owned(),
        status: ApprovalStatus::Pending,
        expires_at: Some(NOW.plus_ms(53 * 60_000)),
        decided: None,
        diff: Some(include_str!("example.diff").to_owned()),
        attachments: vec![
            AttachmentView {
                path: "reports/load-test.html".to_owned(),
                size_bytes: 184_320,
                href: "/approvals/01KAS4QZ8N3V6T1M9XH2YB7C5D/files/1".to_owned(),
            },
            AttachmentView {
                path: "plan.json".to_owned(),
                size_bytes: 912,
                href: "/approvals/01KAS4QZ8N3V6T1M9XH2YB7C5D/files/2".to_owned(),
            },
        ],
        may_decide: true,
    }
}
