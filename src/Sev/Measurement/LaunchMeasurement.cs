namespace KvmSevVmm.Sev.Measurement;

/// <summary>What LAUNCH_MEASURE returns: the measurement and the nonce that the firmware drew for it, 48 bytes. Immutable.</summary>
/// <remarks>Source: AMD SEV API 55766, LAUNCH_MEASURE.</remarks>
public sealed class LaunchMeasurement
{
    /// <summary>Bytes of measurement and nonce.</summary>
    public const int Size = MeasureSize + NonceSize;

    /// <summary>Bytes of the measurement.</summary>
    public const int MeasureSize = 32;

    /// <summary>Bytes of the nonce.</summary>
    public const int NonceSize = 16;

    private readonly byte[] _bytes;

    private LaunchMeasurement(byte[] bytes)
    {
        _bytes = bytes;
    }

    /// <summary>The keyed hash over policy, launch digest and nonce, 32 bytes.</summary>
    public ReadOnlySpan<byte> Measure => _bytes.AsSpan(0, MeasureSize);

    /// <summary>The nonce, 16 bytes.</summary>
    public ReadOnlySpan<byte> Nonce => _bytes.AsSpan(MeasureSize);

    /// <summary>All 48 bytes.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Joins a measurement and its nonce.</summary>
    /// <param name="measure">The measurement, 32 bytes.</param>
    /// <param name="nonce">The nonce, 16 bytes.</param>
    /// <exception cref="ArgumentException">One has another length.</exception>
    public static LaunchMeasurement Join(ReadOnlySpan<byte> measure, ReadOnlySpan<byte> nonce) =>
        measure.Length == MeasureSize && nonce.Length == NonceSize
            ? new LaunchMeasurement([.. measure, .. nonce])
            : throw new ArgumentException($"{measure.Length} and {nonce.Length} bytes instead of 32 and 16", nameof(measure));

    /// <summary>Reads what LAUNCH_MEASURE returned.</summary>
    /// <param name="bytes">Measurement and nonce, exactly 48 bytes.</param>
    /// <param name="input">What the bytes are, for messages: a file name.</param>
    /// <exception cref="SevFormatException">It has another size.</exception>
    public static LaunchMeasurement Parse(ReadOnlySpan<byte> bytes, string input) => bytes.Length == Size
        ? new LaunchMeasurement(bytes.ToArray())
        : throw new SevFormatException(input, "measurement", $"measurement and nonce have {Size} bytes, not {bytes.Length}");

    /// <summary>Reads the text that QEMU's <c>query-sev-launch-measure</c> and <c>virsh domlaunchsecinfo</c> print.</summary>
    /// <param name="text">Base64 of 48 bytes.</param>
    /// <param name="input">Where the text comes from, for messages.</param>
    /// <exception cref="SevFormatException">It is none.</exception>
    public static LaunchMeasurement ParseBase64(string text, string input) =>
        Parse(EncodedBlob.Decode(System.Text.Encoding.UTF8.GetBytes(text), input, "measurement", Size).Bytes, input);

    /// <summary>Reads a measurement from a file, raw or base64.</summary>
    /// <param name="path">The file.</param>
    /// <param name="encoding">How the file held it.</param>
    /// <exception cref="SevFormatException">The file holds no measurement.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static LaunchMeasurement Read(string path, out BlobEncoding encoding)
    {
        EncodedBlob blob = EncodedBlob.ReadFile(path, "measurement", Size);
        encoding = blob.Encoding;
        return Parse(blob.Bytes, path);
    }

    /// <summary>The measurement as QEMU and libvirt print it.</summary>
    public override string ToString() => EncodedBlob.ToBase64(_bytes);
}
