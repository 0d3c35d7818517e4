using System.Buffers.Binary;
using System.Globalization;

namespace KvmSevVmm.Vmm.Acpi;

/// <summary>EISA ids: three capital letters and four hexadecimal digits in 32 bits.</summary>
/// <remarks>Source: ACPI 6.4, 19.3.4, "EISAID".</remarks>
internal static class EisaId
{
    private const int Length = 7;
    private const int LetterCount = 3;

    /// <summary>Packs an id.</summary>
    /// <param name="id">The id: <c>PNP0501</c>.</param>
    /// <param name="packed">Its number, as an AML integer.</param>
    /// <returns>False when the text has another form.</returns>
    internal static bool TryPack(string id, out uint packed)
    {
        packed = 0;
        if (id.Length != Length || !id[..LetterCount].All(char.IsAsciiLetterUpper) || !id[LetterCount..].All(char.IsAsciiHexDigitUpper))
        {
            return false;
        }

        // Five bits a letter, from '@', then the digits; the bytes lie in memory highest first.
        uint letters = ((uint)(id[0] - '@') << 10) | ((uint)(id[1] - '@') << 5) | (uint)(id[2] - '@');
        uint digits = uint.Parse(id.AsSpan(LetterCount), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        packed = BinaryPrimitives.ReverseEndianness((letters << 16) | digits);
        return true;
    }
}
