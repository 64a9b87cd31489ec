;; Casts a reference to what it is not.
(component
  (core module $main
    (type $a (struct (field i32))) (type $b (struct (field i64)))
    (memory 1)
    (func (export "run") (result i32)
      (drop (ref.cast (ref $a) (struct.new $b (i64.const 1))))
      (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
