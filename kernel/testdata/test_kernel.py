"""jupyter_kernel_test's checks of the kernel "Go (assay)"."""
import unittest

import jupyter_kernel_test


class AssayTests(jupyter_kernel_test.KernelTests):
    kernel_name = "assay"
    language_name = "go"
    file_extension = ".go"
    code_hello_world = 'fmt.Println("hello, world")'
    code_stderr = 'fmt.Fprintln(os.Stderr, "oops")'
    code_execute_result = [{"code": "1+2", "result": "3"}, {"code": "x := 4\nx*x", "result": "16"}]
    code_generate_error = 'panic("x")'
    code_display_data = [
        {
            "code": 'import "github.com/janpfeifer/gonb/gonbui"\n%%\ngonbui.DisplayHTML("<b>x</b>")\ngonbui.Sync()',
            "mime": "text/html",
        }
    ]
    code_clear_output = r'fmt.Print("\x1b_assay;clear\x1b\\")'
    code_page_something = "?fmt.Println"
    code_inspect_sample = "fmt.Println"
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "range", "search")
    completion_samples = [{"text": "fmt.Printl", "matches": {"Println"}}]
    complete_code_samples = ["fmt.Println(1)", "func f() {}", "x := 1\nfmt.Println(x)"]
    incomplete_code_samples = ["func f() {", "if true {"]
    invalid_code_samples = ["func )", 'x := "a']


if __name__ == "__main__":
    unittest.main()
