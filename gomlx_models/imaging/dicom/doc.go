// Package dicom reads the pictures of DICOM files: radiographs, CT, MR and
// ultrasound frames, as the values they measure and as the greys to show.
//
//	m, err := dicom.Read(file)
//	hu, err := m.Values(0)                                      // Hounsfield units of a CT slice
//	grey, err := m.Grey(0, dicom.Window{Center: -600, Width: 1500}) // as a lung window shows them
//
// Uncompressed pixels are read in both byte orders, and RLE Lossless. Other
// encodings (JPEG, JPEG-LS, JPEG 2000) are an error that names them: a
// converter such as gdcmconv --raw or dcmdjpeg unpacks them. The elements are parsed by
// github.com/suyashkumar/dicom; what their pixels mean is here.
package dicom
