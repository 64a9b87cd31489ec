;; Throws from so deep that unwinding is long, for ever.
(component
  (core module $main
    (tag $ball (param i64))
    (func $deep (param i32)
      (if (i32.eqz (local.get 0)) (then (throw $ball (i64.const 1))))
      (call $deep (i32.sub (local.get 0) (i32.const 1)))
      (drop (i32.const 1)))
    (func (export "run") (result i32)
      (loop $again
        (block $caught (result i64)
          (try_table (catch $ball $caught) (call $deep (i32.const 20000)))
          (i64.const 0))
        (drop)
        (br $again))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
