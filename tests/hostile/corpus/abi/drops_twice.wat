;; Drops a resource twice.
(component
  (type $thing (resource (rep i32)))
  (core func $new (canon resource.new $thing))
  (core func $rep (canon resource.rep $thing))
  (core func $drop (canon resource.drop $thing))
  (core module $main
    (import "host" "new" (func $new (param i32) (result i32)))
    (import "host" "rep" (func $rep (param i32) (result i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "run") (result i32)
      (local $thing i32)
      (local.set $thing (call $new (i32.const 7)))
      (call $drop (local.get $thing))
      (call $drop (local.get $thing))
      (i32.const 0)))
  (core instance $main
    (instantiate $main (with "host" (instance
      (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $drop))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
