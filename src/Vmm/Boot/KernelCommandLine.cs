using System.Text;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>The kernel's command line, checked and encoded.</summary>
/// <remarks>
/// To the kernel it is a string of bytes that ends with a NUL. It is given as UTF-8, which is what the same characters were in the user's
/// terminal, and lengths count those bytes. Everything but NUL may occur: the kernel takes line ends as blanks.
/// </remarks>
public sealed class KernelCommandLine
{
    /// <summary>COMMAND_LINE_SIZE of Linux on x86, less the NUL: the limit of a kernel that does not state its own.</summary>
    public const int DefaultLimit = 2047;

    private const string Option = "--cmdline";

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly byte[] _bytes;

    private KernelCommandLine(byte[] bytes)
    {
        _bytes = bytes;
    }

    /// <summary>Bytes without the final NUL.</summary>
    public int Length => _bytes.Length;

    /// <summary>The bytes without the final NUL.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Checks and encodes a command line.</summary>
    /// <param name="text">As the user wrote it.</param>
    /// <param name="limit">Most bytes that the kernel takes, without the NUL.</param>
    /// <exception cref="InvalidInputException">It is too long, holds a NUL or cannot be encoded.</exception>
    public static KernelCommandLine Create(string text, uint limit)
    {
        int nul = text.IndexOf('\0', StringComparison.Ordinal);
        if (nul >= 0)
        {
            throw new InvalidInputException(Option, "text", $"holds a NUL at position {nul}, where the kernel would stop reading");
        }

        long effectiveLimit = Math.Min(limit, GuestLayout.CommandLineCapacity - 1);
        int length;
        try
        {
            length = Utf8.GetByteCount(text);
        }
        catch (EncoderFallbackException e)
        {
            throw new InvalidInputException(Option, "text", $"holds half a surrogate pair at position {e.Index}", e);
        }

        return length > effectiveLimit
            ? throw new InvalidInputException(Option, "length", $"{length} bytes are more than the {effectiveLimit} that this kernel takes")
            : new KernelCommandLine(Utf8.GetBytes(text));
    }

    /// <summary>Writes the line and its NUL, and zeros to the end of the last page.</summary>
    /// <param name="memory">The guest's RAM.</param>
    internal GpaRange Write(GuestMemory memory)
    {
        GpaRange range = new(new Gpa(GuestLayout.CommandLineAddress), GuestPage.RoundUp((ulong)Length + 1));
        memory.Clear(range);
        memory.Write(range.Start, _bytes);
        return range;
    }
}
