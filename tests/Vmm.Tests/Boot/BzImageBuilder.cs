using System.Buffers.Binary;

namespace KvmSevVmm.Vmm.Tests.Boot;

/// <summary>Writes small bzImages, with the offsets of Documentation/arch/x86/boot.rst spelt out here a second time.</summary>
internal sealed class BzImageBuilder
{
    internal int SetupSects { get; init; } = 1;

    internal int ProtectedModeSize { get; init; } = 0x1000;

    internal ushort Version { get; init; } = 0x020F;

    internal uint InitSize { get; init; } = 0x10_0000;

    internal ulong PrefAddress { get; init; } = 0x20_0000;

    internal uint KernelAlignment { get; init; } = 0x20_0000;

    internal bool Relocatable { get; init; } = true;

    internal uint InitrdAddrMax { get; init; } = 0x7FFF_FFFF;

    internal uint CmdlineSize { get; init; } = 2047;

    internal int SetupSize => ((SetupSects == 0 ? 4 : SetupSects) + 1) * 512;

    internal byte[] Build(Action<byte[]>? change = null)
    {
        byte[] file = new byte[SetupSize + ProtectedModeSize];
        for (int i = SetupSize; i < file.Length; i++)
        {
            file[i] = (byte)(i * 7 | 1);
        }

        Span<byte> bytes = file;
        "MZ"u8.CopyTo(bytes);
        bytes[0x1F1] = (byte)SetupSects;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[0x1F4..], (uint)ProtectedModeSize / 16);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[0x1FE..], 0xAA55);
        bytes[0x200] = 0xEB;
        bytes[0x201] = 0x6A;
        "HdrS"u8.CopyTo(bytes[0x202..]);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[0x206..], Version);
        bytes[0x211] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[0x214..], 0x10_0000);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[0x22C..], InitrdAddrMax);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[0x230..], KernelAlignment);
        bytes[0x234] = (byte)(Relocatable ? 1 : 0);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[0x236..], 0x7F);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[0x238..], CmdlineSize);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[0x248..], 0x300);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[0x24C..], (uint)ProtectedModeSize - 0x300);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[0x258..], PrefAddress);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[0x260..], InitSize);
        change?.Invoke(file);
        return file;
    }
}
