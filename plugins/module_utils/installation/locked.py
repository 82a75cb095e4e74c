# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The wheels of the drivers, chosen for every Python and architecture; written by ``tools/lock_drivers.py``.

Of each wheel: its file name, its SHA-256, the components that need it, and the Pythons and architectures for which it
was chosen.
"""

from __future__ import annotations

COMPONENTS = ("postgresql", "mysql", "encryption", "zstd", "lz4", "isal", "numpy", "s3", "rich")
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64", "aarch64")
#: The least glibc 2.x that the wheels were chosen for.
LEAST_GLIBC = 28
#: The platform tags from before PEP 600, each with the glibc 2.x that it stands for.
GLIBC_TAGS = {"2014": 17, "2010": 12, "1": 5}

WHEELS = """\
botocore-1.42.97-py3-none-any.whl
  77d2c8ce1bc592d3fbd7c01c35836f4a5b0cac2ca03ccdf6ffc60faa16b5fadc
  s3 3.9 x86_64,aarch64
botocore-1.44.5-py3-none-any.whl
  8f16a56d1dff125dd65322ae021efa7ba5195a6db5102b96862566055b748921
  s3 3.10,3.11,3.12,3.13,3.14 x86_64,aarch64
cffi-2.0.0-cp39-cp39-manylinux2014_aarch64.manylinux_2_17_aarch64.whl
  3f4d46d8b35698056ec29bca21546e1551a205058ae1a181d871e278b0b28165
  mysql,encryption 3.9 aarch64
cffi-2.0.0-cp39-cp39-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  61d028e90346df14fedc3d1e5441df818d095f3b87d286825dfcbd6459b7ef63
  mysql,encryption 3.9 x86_64
cffi-2.1.1-cp310-cp310-manylinux2014_aarch64.manylinux_2_17_aarch64.whl
  5a59cc1c4442bc3d5c703bf720b51138d0bfc173618807c9ee2490a7541dd3d9
  mysql,encryption 3.10 aarch64
cffi-2.1.1-cp310-cp310-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  194cffa889098ced9976c3fc6340305e43f6303657d298da55366907c05c22d6
  mysql,encryption 3.10 x86_64
cffi-2.1.1-cp311-cp311-manylinux2014_aarch64.manylinux_2_17_aarch64.whl
  3311ed60d36f83378794e1009ac6258bafbf81f7888b4caa7b35a521e3f95813
  mysql,encryption 3.11 aarch64
cffi-2.1.1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  34e261f78cb6ceaaa36f42f2613f4380d94d9c759a9c73c769ee6e0247364632
  mysql,encryption 3.11 x86_64
cffi-2.1.1-cp312-cp312-manylinux2014_aarch64.manylinux_2_17_aarch64.whl
  68e62fe11f30d5ca8289242866f0a5291402d8529ca2178ab8afc5c9694ae890
  mysql,encryption 3.12 aarch64
cffi-2.1.1-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  c1453022f490d2459a11819d83ad1d586e9ff65a12ac3e705ffebd46d3685dcf
  mysql,encryption 3.12 x86_64
cffi-2.1.1-cp313-cp313-manylinux2014_aarch64.manylinux_2_17_aarch64.whl
  f16c709686a78c727bbbf059f92b0bf41c6fc60deec706d2dc19f529175a6125
  mysql,encryption 3.13 aarch64
cffi-2.1.1-cp313-cp313-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  a931079504ecc49efed7744c476a5c343a92fabf66dec2db95edb1b2fdc770e2
  mysql,encryption 3.13 x86_64
cffi-2.1.1-cp314-cp314-manylinux2014_aarch64.manylinux_2_17_aarch64.whl
  58acb8ab8e295e6c5ea12f888cbb13cf21511ef2a3303a23f4325c29d17fe5c1
  mysql,encryption 3.14 aarch64
cffi-2.1.1-cp314-cp314-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  b0431303acaea1089ad4b3e9ce4e6518193def1118d4073ca848635ee4ea2e96
  mysql,encryption 3.14 x86_64
cryptography-50.0.2-cp311-abi3-manylinux_2_28_aarch64.whl
  f9f6143a8c75945eb960d9eb98905a441394abfa24afaae239d514ffb2586480
  mysql,encryption 3.11,3.12,3.13,3.14 aarch64
cryptography-50.0.2-cp311-abi3-manylinux_2_28_x86_64.whl
  4061c0079120205fb760c58acab6443e217307dcf05e3702cf970e0689972856
  mysql,encryption 3.11,3.12,3.13,3.14 x86_64
cryptography-50.0.2-cp39-abi3-manylinux_2_28_aarch64.whl
  dfe9763530994147d9af1def057a5b9658b00e8f8fe8743d144d1e0911c2e454
  mysql,encryption 3.9,3.10 aarch64
cryptography-50.0.2-cp39-abi3-manylinux_2_28_x86_64.whl
  f21e8a22c8605750c7af886bab299a363721264061b4ac0a30efb73cfd58efc5
  mysql,encryption 3.9,3.10 x86_64
isal-1.9.1-cp310-cp310-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl
  65251ba23050eeda984100fb4d34530de23639862562474c2c10c1cd5132b029
  isal 3.10 aarch64
isal-1.9.1-cp310-cp310-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
  e0bcd921fd8c573756e07a6c9fe6619b76f4ae3c29f88d7f926f08775e941be9
  isal 3.10 x86_64
isal-1.9.1-cp311-cp311-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl
  d45e3b91209556d0575c341984a02b316200785ee9231a859979c0a81a3ab6f8
  isal 3.11 aarch64
isal-1.9.1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
  a5b2f93fc39b8be92c6547965143094ee4d6a5543ef2d762a0edb6f06201feb5
  isal 3.11 x86_64
isal-1.9.1-cp312-cp312-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl
  640565f20d258b2d04134e11ffd0da3f57bce62aa1ba87b45176186c6d61e57f
  isal 3.12 aarch64
isal-1.9.1-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
  98cc2ca8a16fbdb5d088df3496e3fe3fd1780635f51fe15774e6712c69b9bfe8
  isal 3.12 x86_64
isal-1.9.1-cp313-cp313-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl
  bfc756a47cf2bb08286ee9073a3b6b9227e1cb17c4988c2492ad550c68a4802b
  isal 3.13 aarch64
isal-1.9.1-cp313-cp313-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
  5ba6b5c13fb97e7c3c04677725177c40283fbd6c620c169070b231c4cb0cf4b3
  isal 3.13 x86_64
isal-1.9.1-cp314-cp314-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl
  8e320e4c1a8989f84292b6a3f27a7267f319503cbd858942f4fd2da299d78230
  isal 3.14 aarch64
isal-1.9.1-cp314-cp314-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
  9f412f2d9f7102f09387a92217c41cbe073697431c97188b3c9b2e1fb022b18e
  isal 3.14 x86_64
isal-1.9.1-cp39-cp39-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl
  1ba167139ed85d3a6c036cf393d5ed7e6a0854cf0085bec27e7706be07ca59a4
  isal 3.9 aarch64
isal-1.9.1-cp39-cp39-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
  27d7472b1fb02b8d9aa31273a735aae739a0b35349948e1630ce3e8910e4f674
  isal 3.9 x86_64
jmespath-1.1.0-py3-none-any.whl
  a5663118de4908c91729bea0acadca56526eb2698e83de10cd116ae0f4e97c64
  s3 3.9,3.10,3.11,3.12,3.13,3.14 x86_64,aarch64
lz4-4.4.5-cp310-cp310-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl
  daffa4807ef54b927451208f5f85750c545a4abbff03d740835fc444cd97f758
  lz4 3.10 aarch64
lz4-4.4.5-cp310-cp310-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
  2a2b7504d2dffed3fd19d4085fe1cc30cf221263fd01030819bdd8d2bb101cf1
  lz4 3.10 x86_64
lz4-4.4.5-cp311-cp311-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl
  609a69c68e7cfcfa9d894dc06be13f2e00761485b62df4e2472f1b66f7b405fb
  lz4 3.11 aarch64
lz4-4.4.5-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
  75419bb1a559af00250b8f1360d508444e80ed4b26d9d40ec5b09fe7875cb989
  lz4 3.11 x86_64
lz4-4.4.5-cp312-cp312-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl
  2c3ea562c3af274264444819ae9b14dbbf1ab070aff214a05e97db6896c7597e
  lz4 3.12 aarch64
lz4-4.4.5-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
  24092635f47538b392c4eaeff14c7270d2c8e806bf4be2a6446a378591c5e69e
  lz4 3.12 x86_64
lz4-4.4.5-cp313-cp313-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl
  533298d208b58b651662dd972f52d807d48915176e5b032fb4f8c3b6f5fe535c
  lz4 3.13 aarch64
lz4-4.4.5-cp313-cp313-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
  451039b609b9a88a934800b5fc6ee401c89ad9c175abf2f4d9f8b2e4ef1afc64
  lz4 3.13 x86_64
lz4-4.4.5-cp314-cp314-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl
  3b84a42da86e8ad8537aabef062e7f661f4a877d1c74d65606c49d835d36d668
  lz4 3.14 aarch64
lz4-4.4.5-cp314-cp314-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
  0bba042ec5a61fa77c7e380351a61cb768277801240249841defd2ff0a10742f
  lz4 3.14 x86_64
lz4-4.4.5-cp39-cp39-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl
  ff1b50aeeec64df5603f17984e4b5be6166058dcf8f1e26a3da40d7a0f6ab547
  lz4 3.9 aarch64
lz4-4.4.5-cp39-cp39-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
  1dd4d91d25937c2441b9fc0f4af01704a2d09f30a38c5798bc1d1b5a15ec9581
  lz4 3.9 x86_64
markdown_it_py-3.0.0-py3-none-any.whl
  355216845c60bd96232cd8d8c40e8f9765cc86f46880e43a8fd22dc1a1a8cab1
  rich 3.9 x86_64,aarch64
markdown_it_py-4.3.0-py3-none-any.whl
  7aa1511a46c39138de78d9eba92ce47e63124d8003fc98b3a351909e04239efa
  rich 3.10,3.11,3.12,3.13,3.14 x86_64,aarch64
mdurl-0.1.2-py3-none-any.whl
  84008a41e51615a49fc9966191ff91509e3c40b939176e643fd50a5c2196b8f8
  rich 3.9,3.10,3.11,3.12,3.13,3.14 x86_64,aarch64
numpy-2.0.2-cp39-cp39-manylinux_2_17_aarch64.manylinux2014_aarch64.whl
  1e795a8be3ddbac43274f18588329c72939870a16cae810c2b73461c40718ab1
  numpy 3.9 aarch64
numpy-2.0.2-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl
  f26b258c385842546006213344c50655ff1555a9338e2e5e02a0756dc3e803dd
  numpy 3.9 x86_64
numpy-2.2.6-cp310-cp310-manylinux_2_17_aarch64.manylinux2014_aarch64.whl
  efd28d4e9cd7d7a8d39074a4d44c63eda73401580c5c76acda2ce969e0a38e83
  numpy 3.10 aarch64
numpy-2.2.6-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl
  fc7b73d02efb0e18c000e9ad8b83480dfcd5dfd11065997ed4c6747470ae8915
  numpy 3.10 x86_64
numpy-2.4.6-cp311-cp311-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl
  0ab0a9c4ffb1a6d95ef519fe4247dba8eb6b18ad93999f76b7f657039acabd47
  numpy 3.11 aarch64
numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl
  89cd468399cfd2504718f0ba50e410dca55a170b61a02ad92bb18c8a65186e93
  numpy 3.11 x86_64
numpy-2.5.5-cp312-cp312-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl
  a0750f2156d53446caca85663d0b65d67214e1664b9050454a731ea1418d176a
  numpy 3.12 aarch64
numpy-2.5.5-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl
  704d819265e5d1064d932968e9ee85fff2103ccc78c05b878c06943ba27b8507
  numpy 3.12 x86_64
numpy-2.5.5-cp313-cp313-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl
  ae2b8285d0b4eed24739c3ca9ec0fa424a0247489c01e1d5fe2815a599e11d33
  numpy 3.13 aarch64
numpy-2.5.5-cp313-cp313-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl
  824025655df929268bfe6b47ed91a00d14209a6f760847cf150be446829e1ce4
  numpy 3.13 x86_64
numpy-2.5.5-cp314-cp314-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl
  cc6eb7502facce90349b4097a26821af224aaa0ab36e78304711cdb544352882
  numpy 3.14 aarch64
numpy-2.5.5-cp314-cp314-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl
  c48960d420e90cf305cb1fde0d4e6082cc90512cda87a9acf0b6e04e91cf4abe
  numpy 3.14 x86_64
psycopg-3.2.13-py3-none-any.whl
  a481374514f2da627157f767a9336705ebefe93ea7a0522a6cbacba165da179a
  postgresql 3.9 x86_64,aarch64
psycopg-3.3.9-py3-none-any.whl
  d2d7d04a1ce6dab4f5b27316bea3b52585cafa2f2d631e5b09dd69823f5c26f6
  postgresql 3.10,3.11,3.12,3.13,3.14 x86_64,aarch64
psycopg_binary-3.2.13-cp39-cp39-manylinux2014_aarch64.manylinux_2_17_aarch64.whl
  f062d725898bf6fc5cfc6349a0d08ee09f129deb14d7fcd5c30f9f1b349f39dc
  postgresql 3.9 aarch64
psycopg_binary-3.2.13-cp39-cp39-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  d3aec6e2f1cf4deb1b9a3ac287c0591479f3bd851d0a911d628f8c2c71c14f4a
  postgresql 3.9 x86_64
psycopg_binary-3.3.9-cp310-cp310-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  b36b1f1488843301af90a25b135dd4373a9835c4df185e564f14e6565220c353
  postgresql 3.10 x86_64
psycopg_binary-3.3.9-cp310-cp310-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl
  fc256b0baa9786b732bf824dde7bf4bb16ab36642913c342d955c57b7b7e8c24
  postgresql 3.10 aarch64
psycopg_binary-3.3.9-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  0953c1b94c73f97efce5b8fb1dad85cf5e4085b94902e439e27e6805ebc8be99
  postgresql 3.11 x86_64
psycopg_binary-3.3.9-cp311-cp311-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl
  9f6f4108a2e1d55303dfbb41d0f3b16a0aac95232a24ac8eb3df03f56fcb83aa
  postgresql 3.11 aarch64
psycopg_binary-3.3.9-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  a99f0b9a19ed7a56bf5d6776456b8f15f5364db8853b0f5d184db394a45c391d
  postgresql 3.12 x86_64
psycopg_binary-3.3.9-cp312-cp312-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl
  b081348d8992af26e9b252f04876c286428418a6b7845d8d4caae2044b259668
  postgresql 3.12 aarch64
psycopg_binary-3.3.9-cp313-cp313-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  180e4a99904d7a77f826fbb6dd16834bb3313675d8a6f055e39742fda00c33dc
  postgresql 3.13 x86_64
psycopg_binary-3.3.9-cp313-cp313-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl
  366e2021a785afed9154f83f64793f662348a9ef244fef9779175c0906e8aacc
  postgresql 3.13 aarch64
psycopg_binary-3.3.9-cp314-cp314-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  4992acd5a7479013d52615b8c23fdce9bc22f3cacbfb1007fa474e6b5ebe94c7
  postgresql 3.14 x86_64
psycopg_binary-3.3.9-cp314-cp314-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl
  eed1ac135d652e4454777afb4e4bb52cf88520bbfa2f30ae83066cd4df656697
  postgresql 3.14 aarch64
pycparser-2.23-py3-none-any.whl
  e5c6e8d3fbad53479cab09ac03729e0a9faf2bee3db8208a550daf5af81a5934
  mysql,encryption 3.9 x86_64,aarch64
pycparser-3.11-py3-none-any.whl
  51d5a8ba2be0bbe440b99d2112604c95bbbc3c2748a64260186c541e1729cd80
  mysql,encryption 3.10 x86_64,aarch64
pycparser-3.12-py3-none-any.whl
  a076f3f489b39b43ed13563a1dafe42447445bec2e294154ec5c57fcdda4c85e
  mysql,encryption 3.11,3.12,3.13,3.14 x86_64,aarch64
pygments-2.21.0-py3-none-any.whl
  2363c69b61c4a97c838da3b130dcd6468f4848992b21a82f2a63ec34377137d9
  rich 3.9,3.10,3.11,3.12,3.13,3.14 x86_64,aarch64
pymysql-1.2.4-py3-none-any.whl
  e169bed906168fffd0088925f45b3df024c2775c6fd128da0df773d47c458840
  mysql 3.9,3.10,3.11,3.12,3.13,3.14 x86_64,aarch64
python_dateutil-2.9.0.post0-py2.py3-none-any.whl
  a8b2bc7bffae282281c8140a97d3aa9c14da0b136dfe83f850eea9a5f7470427
  s3 3.9,3.10,3.11,3.12,3.13,3.14 x86_64,aarch64
rich-15.0.0-py3-none-any.whl
  33bd4ef74232fb73fe9279a257718407f169c09b78a87ad3d296f548e27de0bb
  rich 3.9,3.10,3.11,3.12,3.13,3.14 x86_64,aarch64
six-1.17.0-py2.py3-none-any.whl
  4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274
  s3 3.9,3.10,3.11,3.12,3.13,3.14 x86_64,aarch64
typing_extensions-4.16.0-py3-none-any.whl
  481caa481374e813c1b176ada14e97f1f67a4539ce9cfeb3f350d78d6370c2e8
  postgresql,mysql,encryption 3.9,3.10,3.11,3.12 x86_64,aarch64
urllib3-2.6.3-py3-none-any.whl
  bf272323e553dfb2e87d9bfd225ca7b0f467b919d7bbd355436d3fd37cb0acd4
  s3 3.9 x86_64,aarch64
urllib3-2.8.0-py3-none-any.whl
  0cf3cae568d36aa9576b28dfb35f11328f1cb974ca7647d9475ebb86c75ac6e3
  s3 3.10,3.11,3.12,3.13,3.14 x86_64,aarch64
zstandard-0.25.0-cp310-cp310-manylinux2014_aarch64.manylinux_2_17_aarch64.whl
  e05ab82ea7753354bb054b92e2f288afb750e6b439ff6ca78af52939ebbc476d
  zstd 3.10 aarch64
zstandard-0.25.0-cp310-cp310-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  4b6d83057e713ff235a12e73916b6d356e3084fd3d14ced499d84240f3eecee0
  zstd 3.10 x86_64
zstandard-0.25.0-cp311-cp311-manylinux2014_aarch64.manylinux_2_17_aarch64.whl
  01582723b3ccd6939ab7b3a78622c573799d5d8737b534b86d0e06ac18dbde4a
  zstd 3.11 aarch64
zstandard-0.25.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  9300d02ea7c6506f00e627e287e0492a5eb0371ec1670ae852fefffa6164b072
  zstd 3.11 x86_64
zstandard-0.25.0-cp312-cp312-manylinux2014_aarch64.manylinux_2_17_aarch64.whl
  6dffecc361d079bb48d7caef5d673c88c8988d3d33fb74ab95b7ee6da42652ea
  zstd 3.12 aarch64
zstandard-0.25.0-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  5a56ba0db2d244117ed744dfa8f6f5b366e14148e00de44723413b2f3938a902
  zstd 3.12 x86_64
zstandard-0.25.0-cp313-cp313-manylinux2014_aarch64.manylinux_2_17_aarch64.whl
  bfc4e20784722098822e3eee42b8e576b379ed72cca4a7cb856ae733e62192ea
  zstd 3.13 aarch64
zstandard-0.25.0-cp313-cp313-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  8e735494da3db08694d26480f1493ad2cf86e99bdd53e8e9771b2752a5c0246a
  zstd 3.13 x86_64
zstandard-0.25.0-cp314-cp314-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl
  223415140608d0f0da010499eaa8ccdb9af210a543fac54bce15babbcfc78439
  zstd 3.14 aarch64
zstandard-0.25.0-cp314-cp314-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
  e09bb6252b6476d8d56100e8147b803befa9a12cea144bbe629dd508800d1ad0
  zstd 3.14 x86_64
zstandard-0.25.0-cp39-cp39-manylinux2014_aarch64.manylinux_2_17_aarch64.whl
  3b870ce5a02d4b22286cf4944c628e0f0881b11b3f14667c1d62185a99e04f53
  zstd 3.9 aarch64
zstandard-0.25.0-cp39-cp39-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  53e08b2445a6bc241261fea89d065536f00a581f02535f8122eba42db9375530
  zstd 3.9 x86_64
"""
