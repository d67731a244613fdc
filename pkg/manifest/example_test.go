package manifest_test

import (
	"fmt"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

const deployment = `kind: Deployment
spec:
  template:
    spec:
      containers:
      - name: controller
        image: "quay.io/example/controller:v1"   # stays
        args: [--helper-image=quay.io/example/helper:v1]
`

func ExampleFile_Uses() {
	f, err := manifest.Parse("deployment.yaml", []byte(deployment))
	if err != nil {
		fmt.Println(err)
		return
	}
	for u := range f.Uses() {
		fmt.Printf("%d:%d %s (%s, %s)\n", u.Line, u.Column, u.Written, u.Form, u.Confidence)
	}
	// Output:
	// 7:17 quay.io/example/controller:v1 (field, certain)
	// 8:31 quay.io/example/helper:v1 (arg, likely)
}

func ExampleFile_Replace() {
	f, err := manifest.Parse("deployment.yaml", []byte(deployment))
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := image.NewMapping("registry.example.com/airgap", image.LayoutName, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := f.Replace(func(u manifest.Use) (image.Ref, bool) { return u.Target(m) })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(out))
	// Output:
	// kind: Deployment
	// spec:
	//   template:
	//     spec:
	//       containers:
	//       - name: controller
	//         image: "registry.example.com/airgap/controller:v1"   # stays
	//         args: [--helper-image=registry.example.com/airgap/helper:v1]
}
