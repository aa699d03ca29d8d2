// Package dicom reads the pictures of DICOM files: radiographs, CT, MR and
// ultrasound frames, as the values they measure and as the greys to show.
//
//	m, err := dicom.Read(file)
//	hu, err := m.Values(0)                                      // Hounsfield units of a CT slice
//	grey, err := m.Grey(0, dicom.Window{Center: -600, Width: 1500}) // as a lung window shows them
//
// Pixels are read uncompressed in both byte orders, deflated, in RLE Lossless and in
// JPEG Baseline of 8 bits. Other encodings (JPEG Lossless, JPEG-LS, JPEG 2000) are an
// error that names them: a converter such as gdcmconv --raw or dcmdjpeg unpacks them.
// Values come from a slope and an intercept, of each frame in enhanced images, or from
// a modality lookup table; greys from a window or from a table of the file; colours
// from a palette too. The elements are parsed by
// github.com/suyashkumar/dicom; what their pixels mean is here.
package dicom
