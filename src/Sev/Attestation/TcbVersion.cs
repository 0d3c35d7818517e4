using System.Globalization;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>The security versions of everything below a SEV-SNP guest (TCB_VERSION).</summary>
/// <param name="Value">The eight bytes, the first of them lowest.</param>
/// <param name="Layout">How they are laid out.</param>
/// <remarks>Source: AMD SNP ABI 56860, TCB_VERSION.</remarks>
public readonly record struct TcbVersion(ulong Value, TcbLayout Layout)
{
    private static readonly string[] Names = ["fmc", "bl", "tee", "snp", "ucode"];

    /// <summary>Security version of the FMC firmware; null before Turin.</summary>
    public byte? Fmc => Layout == TcbLayout.Turin ? GetByte(0) : null;

    /// <summary>Security version of the boot loader.</summary>
    public byte BootLoader => GetByte(Layout == TcbLayout.Turin ? 1 : 0);

    /// <summary>Security version of the PSP's operating system.</summary>
    public byte Tee => GetByte(Layout == TcbLayout.Turin ? 2 : 1);

    /// <summary>Security version of the SNP firmware.</summary>
    public byte Snp => GetByte(Layout == TcbLayout.Turin ? 3 : 6);

    /// <summary>Patch level of the microcode.</summary>
    public byte Microcode => GetByte(7);

    /// <summary>Joins the versions.</summary>
    /// <param name="fmc">Of the FMC firmware: a number for Turin on, null for Milan and Genoa.</param>
    /// <param name="bootLoader">Of the boot loader.</param>
    /// <param name="tee">Of the PSP's operating system.</param>
    /// <param name="snp">Of the SNP firmware.</param>
    /// <param name="microcode">Of the microcode.</param>
    public static TcbVersion Create(byte? fmc, byte bootLoader, byte tee, byte snp, byte microcode) => fmc is { } first
        ? new TcbVersion(
            first | ((ulong)bootLoader << 8) | ((ulong)tee << 16) | ((ulong)snp << 24) | ((ulong)microcode << 56),
            TcbLayout.Turin)
        : new TcbVersion(
            bootLoader | ((ulong)tee << 8) | ((ulong)snp << 48) | ((ulong)microcode << 56),
            TcbLayout.MilanGenoa);

    /// <summary>Reads what a user writes: <c>bl=3,tee=0,snp=8,ucode=115</c>, on Turin <c>fmc=1</c> too. What is left out is 0.</summary>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="SevFormatException">A name is unknown or stands there twice, or a number is not from 0 to 255.</exception>
    public static TcbVersion Parse(string text)
    {
        byte?[] numbers = new byte?[Names.Length];
        foreach (string item in text.Split(',', StringSplitOptions.TrimEntries))
        {
            string[] halves = item.Split('=', 2, StringSplitOptions.TrimEntries);
            int index = Array.FindIndex(Names, name => name.Equals(halves[0], StringComparison.OrdinalIgnoreCase));
            if (index < 0)
            {
                throw new SevFormatException(
                    text,
                    "TCB version",
                    $"\"{item}\" is none of {string.Join(", ", Names.Select(name => name + "=N"))}");
            }

            if (halves.Length < 2 || !byte.TryParse(halves[1], NumberStyles.None, CultureInfo.InvariantCulture, out byte number))
            {
                throw new SevFormatException(text, "TCB version", $"\"{item}\": no number from 0 to 255");
            }

            if (numbers[index] is not null)
            {
                throw new SevFormatException(text, "TCB version", $"\"{Names[index]}\" stands there twice");
            }

            numbers[index] = number;
        }

        return Create(numbers[0], numbers[1] ?? 0, numbers[2] ?? 0, numbers[3] ?? 0, numbers[4] ?? 0);
    }

    /// <summary>True when every part is that of the minimum or later. Without an FMC version it counts as 0.</summary>
    /// <param name="minimum">The minimum.</param>
    public bool IsAtLeast(TcbVersion minimum) => (Fmc ?? 0) >= (minimum.Fmc ?? 0)
        && BootLoader >= minimum.BootLoader
        && Tee >= minimum.Tee
        && Snp >= minimum.Snp
        && Microcode >= minimum.Microcode;

    /// <summary>The version as <see cref="Parse"/> reads it: <c>bl=3,tee=0,snp=8,ucode=115</c>.</summary>
    public override string ToString()
    {
        string parts = string.Create(CultureInfo.InvariantCulture, $"bl={BootLoader},tee={Tee},snp={Snp},ucode={Microcode}");
        return Fmc is { } fmc ? string.Create(CultureInfo.InvariantCulture, $"fmc={fmc},{parts}") : parts;
    }

    private byte GetByte(int index) => (byte)(Value >> (index * 8));
}
