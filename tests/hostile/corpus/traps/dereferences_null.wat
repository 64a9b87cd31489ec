;; Reads a field of nothing.
(component
  (core module $main
    (type $point (struct (field i32)))
    (memory 1)
    (func (export "run") (result i32)
      (drop (struct.get $point 0 (ref.null $point)))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
