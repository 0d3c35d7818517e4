using System.Buffers.Binary;
using Iced.Intel;

namespace KvmSevVmm.TestSupport;

/// <summary>
/// A multiboot image of a few instructions, as kvm-unit-tests make them: a 32-bit ELF file at 4 MiB with the header in front.
/// </summary>
public static class MultibootKernel
{
    /// <summary>Where the image lies.</summary>
    public const uint LoadAddress = 0x40_0000;

    /// <summary>Where it is entered: behind the multiboot header.</summary>
    public const uint Entry = LoadAddress + HeaderSize;

    private const int HeaderSize = 16;
    private const int ElfHeaderSize = 52;
    private const int ProgramHeaderSize = 32;
    private const int ContentOffset = 0x1000;
    private const uint Magic = 0x1BAD_B002;

    /// <summary>Makes the file.</summary>
    /// <param name="code">Writes the code, 32-bit.</param>
    /// <param name="flags">The flags of the multiboot header.</param>
    public static byte[] Create(Action<Assembler> code, uint flags = 0)
    {
        byte[] content = Assemble(code, flags);
        byte[] file = new byte[ContentOffset + content.Length];
        ReadOnlySpan<byte> identity = [0x7F, (byte)'E', (byte)'L', (byte)'F', 1, 1, 1];
        identity.CopyTo(file);
        Put16(file, 0x10, 2); // ET_EXEC
        Put16(file, 0x12, 3); // EM_386
        Put32(file, 0x14, 1);
        Put32(file, 0x18, Entry);
        Put32(file, 0x1C, ElfHeaderSize);
        Put16(file, 0x28, ElfHeaderSize);
        Put16(file, 0x2A, ProgramHeaderSize);
        Put16(file, 0x2C, 1);
        Span<byte> segment = file.AsSpan(ElfHeaderSize);
        Put32(segment, 0, 1); // PT_LOAD
        Put32(segment, 4, ContentOffset);
        Put32(segment, 8, LoadAddress);
        Put32(segment, 12, LoadAddress);
        Put32(segment, 16, (uint)content.Length);
        Put32(segment, 20, (uint)content.Length + 0x2000); // and a .bss
        Put32(segment, 24, 7);
        Put32(segment, 28, 0x1000);
        content.CopyTo(file.AsSpan(ContentOffset));
        return file;
    }

    /// <summary>Makes a file that is no ELF file: the header says where it belongs.</summary>
    /// <param name="code">Writes the code, 32-bit.</param>
    public static byte[] CreatePlain(Action<Assembler> code)
    {
        const uint HasAddresses = 1 << 16;
        const int AddressesSize = 20;
        byte[] plain = Assemble(code, HasAddresses, AddressesSize);
        Put32(plain, 12, LoadAddress); // header_addr
        Put32(plain, 16, LoadAddress); // load_addr
        Put32(plain, 20, 0); // load_end_addr: the whole file
        Put32(plain, 24, LoadAddress + (uint)plain.Length + 0x2000); // bss_end_addr
        Put32(plain, 28, Entry + AddressesSize); // entry_addr
        return plain;
    }

    private static byte[] Assemble(Action<Assembler> code, uint flags, int more = 0)
    {
        Assembler assembler = new(32);
        code(assembler);
        using MemoryStream bytes = new();
        _ = assembler.Assemble(new StreamCodeWriter(bytes), Entry + (uint)more);
        byte[] content = new byte[HeaderSize + more + (int)bytes.Length];
        Put32(content, 0, Magic);
        Put32(content, 4, flags);
        Put32(content, 8, unchecked(0 - (Magic + flags)));
        bytes.ToArray().CopyTo(content, HeaderSize + more);
        return content;
    }

    private static void Put16(Span<byte> bytes, int offset, ushort value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[offset..], value);

    private static void Put32(Span<byte> bytes, int offset, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[offset..], value);
}
