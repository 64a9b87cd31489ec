//! What each API answers, in the shapes that each documents.

use llm::{Answer, Api, Failure, Finish, Kind, Usage};
use serde_json::{Value, json};

fn answer(api: Api, body: &Value) -> Answer {
    api.answer(body).expect("it is an answer")
}

fn usage(input: u64, cached: Option<u64>, output: u64, reasoning: Option<u64>) -> Usage {
    Usage {
        input_tokens: Some(input),
        cached_input_tokens: cached,
        output_tokens: Some(output),
        reasoning_tokens: reasoning,
    }
}

#[test]
fn a_chat_completion_of_openai() {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_741_569_952, "model": "gpt-4.1-2025-04-14",
        "choices": [{
            "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": {"role": "assistant", "content": "Hello!", "refusal": null, "annotations": []},
        }],
        "usage": {
            "prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0},
        },
    });
    let expected = Answer {
        text: "Hello!".to_owned(),
        model: "gpt-4.1-2025-04-14".to_owned(),
        finish: Finish::Stop,
        finish_reason: Some("stop".to_owned()),
        usage: usage(19, Some(4), 10, Some(3)),
        id: Some("chatcmpl-1".to_owned()),
    };
    assert_eq!(answer(Api::Openai, &body), expected);
}

#[test]
fn a_refusal_of_openais_model_is_what_it_says() {
    let message = json!({"role": "assistant", "content": null, "refusal": "I can't."});
    let body = json!({"choices": [{"finish_reason": "stop", "message": message}]});
    let said = answer(Api::Openai, &body);
    assert_eq!((said.text.as_str(), said.finish), ("I can't.", Finish::Filtered));
    assert_eq!(said.usage, Usage::default());
}

#[test]
fn a_message_of_anthropic_counts_its_caches_as_input() {
    let body = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-20250514",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "Hi, "}, {"type": "text", "text": "there."},
        ],
        "stop_reason": "max_tokens", "stop_sequence": null,
        "usage": {
            "input_tokens": 10, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 7,
            "output_tokens": 12,
        },
    });
    let expected = Answer {
        text: "Hi, there.".to_owned(),
        model: "claude-sonnet-4-20250514".to_owned(),
        finish: Finish::Length,
        finish_reason: Some("max_tokens".to_owned()),
        usage: usage(22, Some(7), 12, None),
        id: Some("msg_1".to_owned()),
    };
    assert_eq!(answer(Api::Anthropic, &body), expected);
}

#[test]
fn contents_of_gemini_without_its_thoughts_which_count_as_output() {
    let body = json!({
        "candidates": [{
            "content": {"role": "model", "parts": [
                {"text": "thinking", "thought": true}, {"text": "Blue"}, {"text": " sky."},
            ]},
            "finishReason": "STOP", "index": 0,
        }],
        "usageMetadata": {
            "promptTokenCount": 8, "candidatesTokenCount": 4, "thoughtsTokenCount": 30, "totalTokenCount": 42,
        },
        "modelVersion": "gemini-2.5-flash", "responseId": "r1",
    });
    let expected = Answer {
        text: "Blue sky.".to_owned(),
        model: "gemini-2.5-flash".to_owned(),
        finish: Finish::Stop,
        finish_reason: Some("STOP".to_owned()),
        usage: usage(8, None, 34, Some(30)),
        id: Some("r1".to_owned()),
    };
    assert_eq!(answer(Api::Gemini, &body), expected);
    assert_eq!(answer(Api::Vertex, &body), expected);
}

#[test]
fn a_prompt_that_gemini_blocks_is_filtered() {
    let body = json!({
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 8, "totalTokenCount": 8},
    });
    let said = answer(Api::Gemini, &body);
    assert_eq!((said.text.as_str(), said.finish), ("", Finish::Filtered));
    assert_eq!(said.finish_reason.as_deref(), Some("PROHIBITED_CONTENT"));
}

#[test]
fn what_is_no_answer_says_what_is_missing() {
    for api in [Api::Openai, Api::Anthropic, Api::Gemini] {
        for body in [json!({}), json!([]), json!("ok"), json!({"choices": [], "candidates": []})] {
            assert!(
                api.answer(&body)
                    .is_err_and(|why| why.contains("has no") || why.contains("neither"))
            );
        }
    }
}

#[test]
fn a_status_says_whether_it_may_pass_later() {
    let kind = |status, body: Value| {
        Failure::from_status(Api::Openai, status, body.to_string().as_bytes(), None).kind
    };
    let error =
        |code: &str| json!({"error": {"message": "m", "type": "t", "param": null, "code": code}});
    assert_eq!(kind(401, error("invalid_api_key")), Kind::Unauthorized);
    assert_eq!(kind(400, error("context_length_exceeded")), Kind::Rejected);
    assert_eq!(kind(404, error("model_not_found")), Kind::Rejected);
    assert_eq!(kind(429, error("rate_limit_exceeded")), Kind::RateLimited);
    assert_eq!(kind(429, error("insufficient_quota")), Kind::QuotaExhausted);
    assert_eq!(kind(503, json!("busy")), Kind::Unavailable);
    assert_eq!(kind(302, json!(null)), Kind::Rejected);
    assert!(Kind::RateLimited.is_transient() && !Kind::QuotaExhausted.is_transient());
    assert!(!Kind::UnknownOutcome.is_transient());
}

#[test]
fn the_endpoints_words_are_passed_on() {
    let body = br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#;
    let failure = Failure::from_status(Api::Anthropic, 529, body, Some(7));
    assert_eq!(failure.message, "the endpoint can't answer now (529): Overloaded");
    assert_eq!(failure.detail["error"], "overloaded_error");
    assert_eq!(failure.after_ms, Some(7_000));
    let plain = Failure::from_status(Api::Openai, 502, b"<html>Bad Gateway</html>", None);
    assert_eq!(plain.message, "the endpoint can't answer now (502): <html>Bad Gateway</html>");
    let empty = Failure::from_status(Api::Openai, 500, b"", None);
    assert_eq!(empty.message, "the endpoint can't answer now (500)");
}

#[test]
fn gemini_says_in_its_details_when_to_ask_again() {
    let failure = |delay: &str| {
        let body = json!([{"error": {
            "code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.Help"},
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
            ],
        }}]);
        Failure::from_status(Api::Gemini, 429, body.to_string().as_bytes(), None)
    };
    let failed = failure("13.5s");
    assert_eq!((failed.kind, failed.after_ms), (Kind::RateLimited, Some(13_500)));
    assert_eq!(failed.detail["error"], "RESOURCE_EXHAUSTED");
    for strange in ["13", "-1s", "NaNs", "1e30s", "s"] {
        assert_eq!(failure(strange).after_ms, None, "{strange}");
    }
}
