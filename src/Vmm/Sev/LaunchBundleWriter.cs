using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Sev.Commands;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>Writes a <see cref="LaunchBundle"/> or a <see cref="SnpLaunchBundle"/> as JSON.</summary>
public static class LaunchBundleWriter
{
    /// <summary>The schema's name and version.</summary>
    public const string Schema = "kvmsev.launch-bundle/1";

    /// <summary>The save areas are those that QEMU's guests have, by <c>measure --vmm</c>'s name.</summary>
    private const string QemusSaveAreas = "qemu";

    private const int HostDataSize = 32;

    /// <summary>Writes one document and a line end.</summary>
    /// <param name="bundle">The launch.</param>
    /// <param name="output">Takes UTF-8 text.</param>
    /// <exception cref="IOException"><paramref name="output"/> failed.</exception>
    public static void Write(LaunchBundle bundle, Stream output)
    {
        output.Write(JsonSerializer.SerializeToUtf8Bytes(Describe(bundle), LaunchBundleJsonContext.Readable.LaunchBundleDocument));
        output.Write("\n"u8);
    }

    /// <summary>Writes one document and a line end.</summary>
    /// <param name="bundle">The launch of a SEV-SNP guest.</param>
    /// <param name="output">Takes UTF-8 text.</param>
    /// <exception cref="IOException"><paramref name="output"/> failed.</exception>
    public static void Write(SnpLaunchBundle bundle, Stream output)
    {
        output.Write(JsonSerializer.SerializeToUtf8Bytes(Describe(bundle), LaunchBundleJsonContext.Readable.SnpLaunchBundleDocument));
        output.Write("\n"u8);
    }

    private static SnpLaunchBundleDocument Describe(SnpLaunchBundle bundle) => new(
        Schema,
        SevModeWords.WordFor(bundle.Mode),
        bundle.IsSimulated,
        "sev-snp",
        bundle.Launch.Policy.ToString(),
        new LaunchBundleDocument.FirmwarePart(bundle.Firmware.ApiMajor, bundle.Firmware.ApiMinor, bundle.Firmware.Build),
        bundle.SaveAreas.Count,
        QemusSaveAreas,
        Hex(bundle.CpuSignature),
        "0x" + bundle.SevFeatures.ToString("x", CultureInfo.InvariantCulture),
        [
            .. bundle.Launch.Launched.Select(static pages => new SnpLaunchBundleDocument.PagesPart(
                pages.Piece.Name,
                pages.Piece.Range.Start.ToString(),
                pages.Piece.Range.Length,
                WordFor(pages.Piece.Type),
                pages.Sha384.IsEmpty ? null : Convert.ToHexStringLower(pages.Sha384.Span),
                Convert.ToHexStringLower(pages.DigestAfter.Span))),
        ],
        bundle.Hashes is { } hashes
            ? new SnpLaunchBundleDocument.KernelPart(
                "0x" + bundle.HashTableGpa.ToString("x", CultureInfo.InvariantCulture),
                Convert.ToHexStringLower(hashes.KernelHash),
                Convert.ToHexStringLower(hashes.InitrdHash),
                Convert.ToHexStringLower(hashes.CommandLineHash))
            : null,
        [.. bundle.SaveAreas.Select(Convert.ToBase64String)],
        bundle.Finish.IdBlock.IsEmpty
            ? null
            : new SnpLaunchBundleDocument.IdBlockPart(
                Convert.ToBase64String(bundle.Finish.IdBlock.Span),
                Convert.ToBase64String(bundle.Finish.IdAuthentication.Span),
                bundle.Finish.HasAuthorKey),
        bundle.Finish.IsVcekDisabled,
        Convert.ToHexStringLower(bundle.Finish.HostData.IsEmpty ? new byte[HostDataSize] : bundle.Finish.HostData.Span),
        Convert.ToHexStringLower(bundle.Launch.Digest.Span));

    /// <summary>As <see cref="SnpLaunchPageType"/> calls them, and AMD's specification.</summary>
    private static string WordFor(SnpLaunchPageType type) => type switch
    {
        SnpLaunchPageType.Normal => "normal",
        SnpLaunchPageType.Zero => "zero",
        SnpLaunchPageType.Unmeasured => "unmeasured",
        SnpLaunchPageType.Secrets => "secrets",
        SnpLaunchPageType.Cpuid => "cpuid",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "There is no such type."),
    };

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
