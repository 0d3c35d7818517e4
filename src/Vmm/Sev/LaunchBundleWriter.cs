using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Sev.Commands;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>Writes a <see cref="LaunchBundle"/> as JSON.</summary>
public static class LaunchBundleWriter
{
    /// <summary>The schema's name and version.</summary>
    public const string Schema = "kvmsev.launch-bundle/1";

    /// <summary>Writes one document and a line end.</summary>
    /// <param name="bundle">The launch.</param>
    /// <param name="output">Takes UTF-8 text.</param>
    /// <exception cref="IOException"><paramref name="output"/> failed.</exception>
    public static void Write(LaunchBundle bundle, Stream output)
    {
        output.Write(JsonSerializer.SerializeToUtf8Bytes(Describe(bundle), LaunchBundleJsonContext.Readable.LaunchBundleDocument));
        output.Write("\n"u8);
    }

    private static LaunchBundleDocument Describe(LaunchBundle bundle) => new(
        Schema,
        SevModeWords.WordFor(bundle.Mode),
        bundle.IsSimulated,
        bundle.Kind == SevGuestKind.SevEs ? "sev-es" : "sev",
        bundle.InitInterface == SevInitInterface.Legacy ? "legacy" : "init2",
        bundle.Launch.Policy.ToString(),
        new LaunchBundleDocument.FirmwarePart(bundle.Firmware.ApiMajor, bundle.Firmware.ApiMinor, bundle.Firmware.Build),
        bundle.Launch.Handle,
        bundle.CBitPosition,
        bundle.MemoryBytes,
        bundle.VcpuCount,
        Hex(bundle.CpuSignature),
        [
            .. bundle.Launch.Pieces.Select(static piece => new LaunchBundleDocument.PiecePart(
                piece.Name, piece.Range.Start.ToString(), piece.Range.Length, Convert.ToHexStringLower(piece.Sha256.Span))),
        ],
        [
            .. bundle.SaveAreas.Select(static (page, vcpu) => new LaunchBundleDocument.SaveAreaPart(
                vcpu, Convert.ToHexStringLower(SHA256.HashData(page)), Convert.ToBase64String(page))),
        ],
        bundle.SecretArea.IsEmpty
            ? null
            : new LaunchBundleDocument.AreaPart(bundle.SecretArea.Start.ToString(), bundle.SecretArea.Length),
        Convert.ToHexStringLower(bundle.Launch.LaunchDigest.Span),
        bundle.Launch.Measurement.ToString(),
        bundle.Platform is PlatformCertificates platform
            ? new LaunchBundleDocument.PlatformPart(
                Convert.ToBase64String(platform.Pdh.Span),
                Convert.ToBase64String(platform.Chain.Span),
                Base64OrNull(platform.SignedCek),
                Base64OrNull(platform.Authority))
            : null);

    private static string? Base64OrNull(ReadOnlyMemory<byte> bytes) => bytes.IsEmpty ? null : Convert.ToBase64String(bytes.Span);

    private static string Hex(uint value) => "0x" + value.ToString("x8", CultureInfo.InvariantCulture);
}
