// Each mistake on the command line gets a sentence; none a traceback.
// RUN: not stepwell-opt %s --canonicalise 2>&1 | FileCheck %s --check-prefix=FLAG
// RUN: not stepwell-opt %s --canonicalize=depth=3 2>&1 | FileCheck %s --check-prefix=OPTION
// RUN: not stepwell-opt %s --check-level=depth=3 2>&1 | FileCheck %s --check-prefix=OURS
// RUN: not stepwell-opt %s --pass-pipeline='canonicalize' 2>&1 | FileCheck %s --check-prefix=ANCHOR
// RUN: not stepwell-opt %s --pass-pipeline='builtin.module(cse,(' 2>&1 | FileCheck %s --check-prefix=BRACKET
// RUN: not stepwell-opt %s --pass-pipeline='builtin.module(func.func(nothing))' 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not stepwell-opt %s --cse --pass-pipeline='builtin.module(cse)' 2>&1 | FileCheck %s --check-prefix=BOTH
// RUN: not stepwell-opt %s %s 2>&1 | FileCheck %s --check-prefix=INPUTS
// RUN: not stepwell-opt %t.missing 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not stepwell-opt %s --verify-each=perhaps 2>&1 | FileCheck %s --check-prefix=VALUE
// RUN: not stepwell-opt %s -o 2>&1 | FileCheck %s --check-prefix=NOVALUE
// RUN: not stepwell-opt %s -o %s/impossible/file 2>&1 | FileCheck %s --check-prefix=UNWRITABLE

// FLAG: stepwell-opt: error: unknown option or pass '--canonicalise'
// FLAG-NEXT: hint: stepwell-opt --help
// OPTION: error: pass 'canonicalize' does not take 'depth=3': {{.*}}no such option depth
// OURS: error: pass 'check-level' has no option 'depth'
// OURS-NEXT: hint: its options: level, stage
// ANCHOR: error: a pipeline reads 'builtin.module(...)', not 'canonicalize'
// BRACKET: error: {{.*}}
// BRACKET-NOT: Traceback
// NAME: error: no pass is called 'nothing'
// BOTH: error: passes as flags can't be mixed with --pass-pipeline
// INPUTS: error: one input file is taken, not 2
// MISSING: error: cannot open input file '{{.*}}.missing': No such file or directory
// VALUE: error: option 'verify-each' does not take 'perhaps'
// NOVALUE: error: option 'o' needs a value
// UNWRITABLE: error: can't write to
func.func @f() {
  return
}
